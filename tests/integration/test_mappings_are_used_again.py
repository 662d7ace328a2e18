"""A mapping that was given once is used for the next file with the same headers, and a change of headers is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wharf.local.trial import Trial

MAPPING = '{"Beleg": "transaction_id", "Tag": "date", "Menge": "quantity", "Preis": "unit_price"}'


def _load(tenant: Trial, folder: Path, header: str, number: str, **said: Any) -> dict[str, Any]:
    path = folder / f"{number}.csv"
    values = {"beleg": number, "tag": "2025-03-14", "menge": "1", "preis": "2.50", "kasse": "3", "laden": "A"}
    row = ";".join(values[name.strip().lower().removesuffix("_neu")] for name in header.split(";"))
    path.write_text(f"{header}\n{row}\n", encoding="utf-8")
    return dict(tenant.load(path, **said))


def test_a_mapping_is_saved_used_again_and_forgotten(tenant: Trial, wharf: Trial, tmp_path: Path) -> None:
    """Also in another project, another order, another spelling; with one more column; but not when a header is gone."""
    header = "Beleg;Tag;Menge;Preis;Kasse"
    first = _load(tenant, tmp_path, header, "B1", project_id="m-1", profile="transactions", mapping=MAPPING)
    assert (first["result"]["inserted"], first["result"]["drift"]) == (1, None)
    again = _load(tenant, tmp_path, "KASSE;Tag;Menge;Preis;beleg", "B2", project_id="m-2")
    assert (again["result"]["profile"], again["result"]["inserted"]) == ("transactions", 1)
    assert {(m["source"], m["target"], m["reason"]) for m in again["result"]["mapping"]} >= {
        ("beleg", "transaction_id", "saved"),
        ("Preis", "unit_price", "saved"),
        ("KASSE", None, None),
    }
    assert again["result"]["drift"] is None
    grown = _load(tenant, tmp_path, header + ";Laden", "B3", project_id="m-2", profile="transactions")
    assert grown["result"]["inserted"] == 1
    drift = grown["result"]["drift"]
    assert (drift["added"], drift["removed"], drift["reused"]) == (["Laden"], [], True)
    assert "headers_changed" in {w["code"] for w in grown["result"]["warnings"]}
    renamed = _load(tenant, tmp_path, "Beleg;Tag;Menge;Preis_neu;Kasse", "B4", project_id="m-2", profile="transactions")
    assert (renamed["status"], renamed["error"]["code"]) == ("failed", "missing_column")
    assert renamed["error"]["detail"]["drift"] == {"added": ["Preis_neu"], "removed": ["Preis"]}
    saved = tenant.api.get("/api/v1/profiles/transactions/mappings").json()["items"]
    mine = next(one for one in saved if "Beleg" in one["headers"])
    assert mine["import_id"] == first["result"]["import_id"]
    place = f"/api/v1/profiles/transactions/mappings/{mine['id']}"
    assert wharf.api.delete(place).status_code == 404
    assert tenant.api.delete(place).status_code == 204
    assert tenant.api.delete(place).status_code == 404
    forgotten = _load(tenant, tmp_path, header, "B5", project_id="m-2", profile="transactions")
    assert forgotten["error"]["code"] == "no_header"


def test_what_brings_nothing_is_remembered_too(tenant: Trial, tmp_path: Path) -> None:
    """A header that would bring a column by its name is kept in `properties`, the next time as well."""
    header, path = "transaction_id,date,quantity,unit_price,notes", tmp_path / "n.csv"
    for number, said in enumerate(({"profile": "transactions", "mapping": '{"Notes": null}'}, {})):
        path.write_text(f"{header}\nN{number},2025-03-14,1,2.50,secret\n", encoding="utf-8")
        result = tenant.load(path, project_id="m-4", **said)["result"]
        match = next(one for one in result["mapping"] if one["source"] == "notes")
        assert (match["target"], match["reason"]) == (None, "saved" if number else "given")
        rows = tenant.api.get("/api/v1/datasets/transactions/rows", params={"transaction_id": f"N{number}"}).json()
        assert [(row["notes"], row["properties"]) for row in rows["items"]] == [(None, {"notes": "secret"})]


def test_an_inspection_suggests_what_was_saved(tenant: Trial, tmp_path: Path) -> None:
    """So does a dry run leave nothing behind: only an import that was merged is remembered."""
    header = "Beleg;Tag;Menge;Preis;Laden;Kasse"
    said = {"project_id": "m-3", "profile": "transactions", "mapping": MAPPING}
    _load(tenant, tmp_path, header, "C1", **said, dry_run="true")
    assert _load(tenant, tmp_path, header, "C2", project_id="m-3", start="false")["result"]["profile"] is None
    _load(tenant, tmp_path, header, "C3", **said)
    result = _load(tenant, tmp_path, header, "C4", project_id="m-3", start="false")["result"]
    assert result["profile"]["name"] == "transactions"
    assert {m["reason"] for m in result["mapping"] if m["target"]} == {"saved"}
