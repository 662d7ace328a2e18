from __future__ import annotations

from pathlib import Path

from wharf.local.trial import Job, Trial

HEADER = (
    "po_number,line_number,supplier_code,supplier_name,material_code,material_name,"
    "quantity,unit,unit_price,currency,order_date,delivery_date"
)
ORDERS = (
    "PO1,1,S1,Acme,M1,Bolt,10,pcs,0.50,EUR,2025-01-05,2025-02-01",
    "PO1,2,S1,Acme,M2,Nut,20,pcs,0.25,EUR,2025-01-05,2025-02-01",
    "PO2,1,S2,Birch,M1,Bolt,5,pcs,0.55,EUR,2025-01-06,",
)
NAMES = ("suppliers", "materials", "purchase_orders", "order_lines", "prices")


def write(path: Path, *lines: str) -> Path:
    """A file of purchase order lines."""
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return path


def counts(job: Job) -> dict[str, tuple[int, int]]:
    """Created and updated, by entity."""
    assert job["status"] == "completed", job["error"]
    return {name: (found["created"], found["updated"]) for name, found in job["result"]["entities"].items()}


def test_each_thing_is_created_once_and_counted(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Three lines speak of two suppliers, two materials, two orders and three prices; again they create nothing."""
    file = write(tmp_path / "po.csv", *ORDERS)
    first = wharf.load(file, profile="procurement", project_id=project)
    assert counts(first) == dict(zip(NAMES, [(2, 0), (2, 0), (2, 0), (3, 0), (3, 0)], strict=True))
    suppliers = (
        f"SELECT supplier_code, supplier_name FROM {wharf.dataset('procurement_suppliers')} WHERE project_id = %s"
    )
    assert [tuple(r.values()) for r in wharf.ask(f"{suppliers} ORDER BY 1", project)] == [
        ("S1", "Acme"),
        ("S2", "Birch"),
    ]
    again = wharf.load(file, profile="procurement", project_id=project)
    assert counts(again) == dict.fromkeys(NAMES, (0, 0))


def test_what_changed_is_updated_and_what_is_not_said_stays(wharf: Trial, tmp_path: Path, project: str) -> None:
    """A new name overwrites, an empty one does not."""
    wharf.load(write(tmp_path / "1.csv", *ORDERS), profile="procurement", project_id=project)
    lines = [
        "PO3,1,S1,Acme Ltd,M1,,1,pcs,0.50,EUR,2025-03-01,",
        "PO3,2,S1,Acme Ltd,M3,Washer,1,pcs,0.10,EUR,2025-03-01,",
    ]
    job = wharf.load(write(tmp_path / "2.csv", *lines), profile="procurement", project_id=project)
    assert counts(job)["suppliers"] == (0, 1)
    assert counts(job)["materials"] == (1, 0)
    materials = f"SELECT material_name FROM {wharf.dataset('procurement_materials')} WHERE project_id = %s ORDER BY 1"
    assert [r["material_name"] for r in wharf.ask(materials, project)] == ["Bolt", "Nut", "Washer"]


def test_lines_that_disagree_are_reported(wharf: Trial, tmp_path: Path, project: str) -> None:
    """A supplier with two names, an order with two suppliers: the last row is kept, and the user is told."""
    lines = [
        "PO1,1,S1,Acme,M1,Bolt,10,pcs,0.50,EUR,2025-01-05,",
        "PO1,2,S1,ACME Inc.,M2,Nut,10,pcs,0.50,EUR,2025-01-05,",
        "PO1,3,S2,Birch,M3,Pin,10,pcs,0.50,EUR,2025-01-05,",
    ]
    job = wharf.load(write(tmp_path / "po.csv", *lines), profile="procurement", project_id=project)
    told = {(w["loc"], w["code"]) for w in job["result"]["warnings"]}
    assert ("suppliers.supplier_name", "entity_disagrees") in told
    assert ("purchase_orders.supplier_code", "entity_disagrees") in told
    message = next(w["message"] for w in job["result"]["warnings"] if w["loc"] == "suppliers.supplier_name")
    assert "S1" in message
    assert "Acme" in message
    assert counts(job)["suppliers"] == (2, 0)


def test_a_dry_run_counts_entities_and_creates_none(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The same counts as the real merge, and nothing is there afterwards."""
    wharf.load(write(tmp_path / "1.csv", ORDERS[0]), profile="procurement", project_id=project)
    job = wharf.load(write(tmp_path / "2.csv", *ORDERS), profile="procurement", project_id=project, dry_run="true")
    assert counts(job)["suppliers"] == (1, 0)
    suppliers = f"SELECT count(*) FROM {wharf.dataset('procurement_suppliers')} WHERE project_id = %s"
    assert wharf.one(suppliers, project) == 1
