"""Rejected rows come as a file, are corrected, and go in again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from wharf.local.trial import Trial

HEADER = "transaction_id;date;quantity;unit_price;product_name;colour\n"


def test_a_file_of_rejects_is_corrected_and_uploaded_as_it_is(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The file's own columns and what is wrong; only what was corrected has to be touched."""
    path = tmp_path / "sales.csv"
    rows = (
        "T1;2025-03-14;1;2,50;Rope;red\n"
        'T2;2025-03-14;two;2,50;"=HYPERLINK(""x"")";-5\n'
        'T3;2025-03-14;;3,50;"two\nlines";@blue\n'
        "T4;2025-03-14;1\n"
    )
    path.write_text(HEADER + rows, encoding="utf-8")
    job = wharf.load(path, project_id=project, profile="transactions")
    assert (job["result"]["inserted"], job["result"]["rejected"]) == (1, 3)
    answer = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects.csv").raise_for_status()
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    found = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["_wharf_line"] for row in found] == ["3", "4", "6"]
    assert [(row["product_name"], row["colour"]) for row in found] == [
        ("'=HYPERLINK(\"x\")", "-5"), ("two\nlines", "'@blue"), ("", ""),
    ]  # fmt: skip
    assert found[0]["_wharf_errors"].startswith("quantity: This is not a number")
    corrected = tmp_path / "rejects.csv"
    text = answer.content.decode().replace(",two,", ",2,").replace("T3,2025-03-14,,", "T3,2025-03-14,3,")
    corrected.write_bytes(text.encode())
    again = wharf.load(corrected, project_id=project, profile="transactions")
    assert (again["result"]["inserted"], again["result"]["rejected"]) == (2, 1), again["result"]
    assert again["result"]["corrects"] == job["result"]["import_id"]
    kept = wharf.ask(
        f"SELECT transaction_id, product_name, properties FROM {wharf.dataset()} WHERE project_id = %s ORDER BY 1",
        project,
    )
    assert [(row["transaction_id"], row["product_name"], row["properties"]) for row in kept] == [
        ("T1", "Rope", {"colour": "red"}),
        ("T2", '=HYPERLINK("x")', {"colour": "-5"}),
        ("T3", "two\nlines", {"colour": "@blue"}),
    ]


def test_other_jobs_have_no_rejects(wharf: Trial) -> None:
    """And say so."""
    job_id = wharf.api.post("/api/v1/tasks/test", params={"message": "x"}).json()["task_id"]
    answer = wharf.api.get(f"/api/v1/jobs/{job_id}/rejects.csv")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_kind")
