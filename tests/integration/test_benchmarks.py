"""Benchmarks in the running stack: the week's job, what a project reads of it, and what a tenant gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wharf.local.trial import Trial, eventually

SCHEDULE = "SELECT id::text FROM wharf.schedules WHERE builtin AND name = 'benchmark'"
DONE = "SELECT result FROM wharf.jobs WHERE id::text = %s AND status = 'completed'"
PATH = "/api/v1/datasets/transactions/benchmarks"
HEADER = "transaction_id,date,product_id,product_name,category,quantity,unit_price\n"
SALES = {"north": (10, 5), "south": (20, 0), "west": (40, 10)}
"""Of each project: units of this year and of the year before, at a price of 2.50."""


def calculate(wharf: Trial) -> dict[str, Any]:
    """Run the week's job now; its result."""
    platform = {"Authorization": f"Bearer {wharf.connection.platform_key}"}
    schedule = eventually(lambda: wharf.ask(SCHEDULE), "the built-in schedule")[0]["id"]
    job = wharf.api.post(f"/api/v1/schedules/{schedule}/run", headers=platform).raise_for_status().json()
    found: dict[str, Any] = eventually(lambda: wharf.ask(DONE, job["job_id"]), "the job")[0]["result"]
    return found


@pytest.fixture
def sold(tenant: Trial, tmp_path: Path) -> Trial:
    """A tenant with three projects that sell lamps, of which one sells bulbs too."""
    today = datetime.now(UTC).date()
    for project, (units, earlier) in SALES.items():
        path = tmp_path / f"{project}.csv"
        lines = [f"1,{today},L1,Lamp,Lighting,{units},2.50\n"]
        lines += [f"2,{today - timedelta(days=400)},L1,Lamp,Lighting,{earlier},2.50\n"] if earlier else []
        lines += [f"3,{today},B1,Bulb,,7,1.00\n"] if project == "north" else []
        path.write_text(HEADER + "".join(lines), encoding="utf-8")
        assert tenant.load(path, project_id=project, profile="transactions")["status"] == "completed"
    return tenant


def read(trial: Trial, **filters: str) -> dict[str, Any]:
    found: dict[str, Any] = trial.api.get(PATH, params=filters).raise_for_status().json()
    return found


def test_a_project_sees_its_own_beside_its_peers(sold: Trial) -> None:
    """Amounts, quantities, prices and growth by category and product, over those that have some, as of a moment."""
    assert read(sold) == {"as_of": None, "period": None, "projects": 0, "items": [], "next_cursor": None}
    assert calculate(sold)["compared"] >= 8
    found = read(sold, project_id="south")
    assert found["projects"] == 3
    begin, end = (datetime.fromisoformat(found["period"][name]) for name in ("from", "to"))
    assert end - begin == timedelta(days=365)
    rows = {(row["level"], row["name"], row["metric"]): row for row in found["items"]}
    assert {row["project_id"] for row in found["items"]} == {"south"}
    names, metrics = (("category", "Lighting"), ("product", "L1")), ("amount", "quantity", "unit_price")
    assert set(rows) == {(*of, metric) for of in names for metric in metrics}
    amount = rows["category", "Lighting", "amount"]
    assert (amount["value"], amount["projects"]) == (50.0, {"count": 3, "q1": 37.5, "median": 50.0, "q3": 75.0})
    assert rows["product", "L1", "unit_price"]["projects"] == {"count": 3, "q1": 2.5, "median": 2.5, "q3": 2.5}
    growth = {row["project_id"]: row for row in read(sold, metric="growth", level="product")["items"]}
    assert {name: row["value"] for name, row in growth.items()} == {"north": 1.0, "west": 3.0}
    assert growth["west"]["projects"] == {"count": 2, "q1": 1.5, "median": 2.0, "q3": 2.5}
    alone = read(sold, name="B1", metric="quantity")["items"]
    assert [(row["project_id"], row["value"], row["projects"]) for row in alone] == [("north", 7.0, None)]
    assert all(row["tenants"] is None for row in found["items"])


def test_they_are_read_page_by_page_and_reported(sold: Trial) -> None:
    """Pages together are the whole; a package of the built-in type shows the project's."""
    calculate(sold)
    whole = read(sold)["items"]
    page = read(sold, limit="7")
    pages = page["items"]
    while page["next_cursor"]:
        page = read(sold, limit="7", cursor=page["next_cursor"])
        pages += page["items"]
    assert pages == whole
    wish = {"package_type": "benchmark_report", "project_id": "south", "options": {"formats": ["xlsx", "pdf"]}}
    job = sold.ended(sold.api.post("/api/v1/packages", json=wish).raise_for_status().json()["job_id"])
    assert (job["status"], job["result"]["rows"]) == ("completed", 6), job["error"]


def test_a_tenant_gives_nothing_unless_it_said_so(sold: Trial) -> None:
    """What it gave is gone at once when it takes its word back; only its admin may say it, for the whole of it."""
    given = "SELECT count(*) FROM wharf.benchmark_shares s JOIN wharf.projects p USING (tenant_id) WHERE slug = 'south'"
    sharing = "/api/v1/benchmarks/sharing"
    calculate(sold)
    before = sold.one(given)
    assert sold.api.get(sharing).json() == {"shared": False}
    assert sold.api.put(sharing, json={"shared": True}).raise_for_status().json() == {"shared": True}
    calculate(sold)
    assert sold.one(given) > before
    assert sold.api.get(sharing).json() == {"shared": True}
    # Nobody else sells that here: a comparison would be with itself.
    assert all(row["tenants"] is None for row in read(sold)["items"])
    assert sold.api.put(sharing, json={"shared": False}).raise_for_status().json() == {"shared": False}
    assert sold.one(given) == before
    key = sold.api.post("/api/v1/keys", json={"name": "p", "role": "admin", "project_id": "south"}).json()["key"]
    refused = sold.api.put(sharing, json={"shared": True}, headers={"Authorization": f"Bearer {key}"})
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_project")
    other = sold.api.get(PATH, headers={"Authorization": f"Bearer {key}"}).json()
    assert {row["project_id"] for row in other["items"]} == {"south"}
