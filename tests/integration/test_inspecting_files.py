"""A file is looked at before it is imported."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from wharf.local.samples import write_transactions
from wharf.local.trial import Job, Trial


def inspected(wharf: Trial, path: Path, project: str, **fields: str) -> dict[str, Any]:
    """What the inspection of a file found, as its upload shows it."""
    answer = wharf.upload(path, project_id=project, start="false", **fields)
    job: Job = wharf.ended(answer["job_id"])
    assert job["status"] == "completed", job["error"]
    assert (job["kind"], job["progress"]["percent"]) == ("inspect", 100.0)
    shown = wharf.api.get(f"/api/v1/uploads/{answer['upload_id']}").raise_for_status().json()
    assert shown["inspection"] == job["result"]
    found: dict[str, Any] = shown["inspection"]
    return found


def test_a_known_kind_of_file_is_understood_and_imported_afterwards(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Profile, mapping, types, the first problems; nothing is loaded until the import is asked for."""
    expected = write_transactions(tmp_path / "t.csv", 3_000, seed=3, bad=6)
    found = inspected(wharf, tmp_path / "t.csv", project)
    assert (found["profile"]["name"], found["missing"]) == ("transactions", [])
    assert {m["source"]: m["target"] for m in found["mapping"]}["unit_price"] == "unit_price"
    types = {column["name"]: column["type"] for column in found["columns"]}
    assert (types["date"], types["product_name"]) == ("timestamp", "text")
    assert {p["loc"] for p in found["problems"]} >= {f"line {expected.rejects[0].line}, {expected.rejects[0].column}"}
    assert wharf.ask("SELECT 1 FROM wharf.imports WHERE project_id = %s", project) == []
    answer = wharf.api.post(f"/api/v1/uploads/{found['upload_id']}/import").raise_for_status().json()
    assert wharf.ended(answer["job_id"])["result"]["inserted"] == expected.good


def test_a_file_of_no_known_kind_is_explained(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Preamble, delimiter, two rows of names, a footer: all of it is told, and why no profile fits."""
    path = tmp_path / "unknown.txt"
    names = "sensor||place||value\nsensor||place||value\n"
    rows = "".join(f"{n}||Oslo, north||{n}.5\n" for n in range(20))
    path.write_text(f"Report of the harbour\n\n{names}{rows}\nSource: us\n", encoding="utf-8")
    found = inspected(wharf, path, project)
    dialect = found["dialect"]
    assert (dialect["delimiter"], dialect["header_rows"], dialect["escape"]) == ("||", [3, 4], None)
    assert [(s["line"], s["text"], s["why"]) for s in found["skipped_lines"]] == [
        (1, "Report of the harbour", "before_header"), (2, "", "blank"), (26, "Source: us", "footer"),
    ]  # fmt: skip
    assert [c["type"] for c in found["columns"]] == ["integer", "text", "decimal"]
    assert found["sample"][0] == ["0", "Oslo, north", "0.5"]
    assert found["profile"] is None
    assert found["problems"][0]["code"] == "profile_not_detected"


def test_a_file_of_no_known_kind_is_imported_by_the_profile_that_it_drafts(tenant: Trial, tmp_path: Path) -> None:
    """One of a workbook's sheets: saved as it was drafted, every row is loaded; another import changes nothing."""
    book, path = Workbook(), tmp_path / "export_2025-11.xlsx"
    book.worksheets[0].title = "Club members"
    book.create_sheet("Fees").append(["Year", "Fee"])
    book.worksheets[0].append(["Member No.", "Name", "Joined", "Fee"])
    for n in range(40):
        book.worksheets[0].append([f"M-{n:03}", f"Name {n % 7}", f"2025-01-{n % 28 + 1:02}", n + 0.5])
    book.save(path)
    sheet = json.dumps({"sheet": "Club members"})
    draft = inspected(tenant, path, "default", options=sheet)["draft"]
    assert (draft["name"], draft["title"], draft["key"]) == ("club_members", "Club members", ["member_no"])
    tenant.api.post("/api/v1/profiles", json=draft).raise_for_status()

    assert tenant.load(path)["result"].items() >= {"profile": "club_members", "inserted": 40, "rejected": 0}.items()
    assert tenant.load(path)["result"].items() >= {"inserted": 0, "unchanged": 40}.items()
    assert inspected(tenant, path, "default", options=sheet)["draft"]["name"] == "club_members_2"
    assert inspected(tenant, path, "default")["draft"]["name"] == "export"


def test_a_file_without_header_is_mapped_by_place(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Its columns are called column_1, column_2, ... in the inspection and in a mapping."""
    path = tmp_path / "rows.csv"
    path.write_text("A1;2025-03-14;2;9,50\nA2;2025-03-15;1;3,25\n", encoding="utf-8")
    found = inspected(wharf, path, project)
    assert found["dialect"]["header_rows"] == []
    assert [c["name"] for c in found["columns"]] == ["column_1", "column_2", "column_3", "column_4"]
    columns = ("transaction_id", "date", "quantity", "unit_price")
    mapping = {f"column_{n}": name for n, name in enumerate(columns, start=1)}
    job = wharf.load(path, project_id=project, profile="transactions", mapping=json.dumps(mapping))
    assert job["result"]["inserted"] == 2, job
    assert wharf.one(f"SELECT sum(total) FROM {wharf.dataset()} WHERE project_id = %s", project) == 22.25


def test_comment_lines_are_left_out_and_listed(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Where the option says by which mark they are known."""
    path = tmp_path / "commented.csv"
    path.write_text(
        "# from the till\ntransaction_id,date,quantity,unit_price\nT1,2025-03-14,1,2.50\n# lunch, half an hour\n"
        "T2,2025-03-14,2,2.50\n",
        encoding="utf-8",
    )
    job = wharf.load(path, project_id=project, profile="transactions", options='{"comment": "#"}')
    result = job["result"]
    assert (result["inserted"], result["rejected"]) == (2, 0), job
    assert [(s["line"], s["text"]) for s in result["skipped_lines"]] == [
        (1, "# from the till"), (4, "# lunch, half an hour"),
    ]  # fmt: skip


def test_a_stray_quote_is_told(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Its row is loaded with the quote in it, and the result says so."""
    path = tmp_path / "quote.csv"
    header = "transaction_id,date,quantity,unit_price,product_name\n"
    path.write_text(header + 'T1,2025-03-14,1,2.50,"5 inch\nT2,2025-03-14,1,3.50,"a, b"\n', encoding="utf-8")
    result = wharf.load(path, project_id=project, profile="transactions")["result"]
    assert (result["inserted"], result["rejected"]) == (2, 0)
    assert [(w["code"], "lines 2" in w["message"]) for w in result["warnings"] if w["code"] == "stray_quote"] == [
        ("stray_quote", True)
    ]
    names = wharf.ask(f"SELECT product_name FROM {wharf.dataset()} WHERE project_id = %s ORDER BY 1", project)
    assert {row["product_name"] for row in names} == {'"5 inch', "a, b"}


def test_wrapped_files_are_loaded_like_plain_ones(wharf: Trial, tmp_path: Path, project: str) -> None:
    """gzip, a workbook, JSON lines: the same rows under the same keys, so nothing changes from one to the next."""
    header = ("transaction_id", "line_number", "date", "quantity", "unit_price")
    rows = [(f"T{n}", 1, f"2025-03-{1 + n % 28:02} 10:00:00", n % 7 + 1, n + 0.5) for n in range(3_000)]
    text = "\n".join(",".join(map(str, row)) for row in (header, *rows))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(dict(zip(header, row, strict=True))) for row in rows))
    book = Workbook(write_only=True)
    sheet = book.create_sheet("sales")
    for row in (header, *rows):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    seen = []
    for name in ("t.csv.gz", "t.xlsx", "t.jsonl"):
        job = wharf.load(tmp_path / name, project_id=project, profile="transactions")
        assert job["status"] == "completed", job["error"]
        result, dialect = job["result"], job["result"]["dialect"]
        seen.append((dialect["format"], dialect["compression"], result["inserted"], result["unchanged"]))
    assert seen == [("csv", "gzip", 3_000, 0), ("xlsx", None, 0, 3_000), ("jsonl", None, 0, 3_000)]


def test_a_file_that_is_cut_off_while_unpacking_loads_nothing(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Though most of its rows were read by then."""
    write_transactions(tmp_path / "t.csv", 60_000, seed=4)
    whole = gzip.compress((tmp_path / "t.csv").read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) * 9 // 10])
    job = wharf.load(tmp_path / "cut.csv.gz", project_id=project, profile="transactions")
    assert (job["status"], job["error"]["code"], job["error"]["retryable"]) == ("failed", "truncated_file", False)
    assert wharf.one(f"SELECT count(*) FROM {wharf.dataset()} WHERE project_id = %s", project) == 0
