from __future__ import annotations

from pathlib import Path

import pytest

from wharf.local.trial import Trial

HEADER = b"transaction_id,date,quantity,unit_price"
ROW = b"A,2025-01-01,1,2.50"
XLSX = b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml" + bytes(range(256))

UNUSABLE = {
    "empty": (b"", "empty_file"),
    "only blanks": (b"\n\n  \n", "empty_file"),
    "only a header": (HEADER + b"\n", "no_rows"),
    "no header": (ROW + b"\n" + ROW + b"\n", "no_header"),
    "a workbook that is cut off": (XLSX, "damaged_file"),
    "a first row with a NUL": (b"\x00\x01\x02binary,b\n1,2\n", "no_header"),
    "zeros": (bytes(4096), "binary_file"),
    "a required column is missing": (b"transaction_id,date,quantity\nA,2025-01-01,1\n", "missing_column"),
}


@pytest.mark.parametrize(("data", "code"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_loaded_fails_at_once_with_a_sentence(
    wharf: Trial, tmp_path: Path, project: str, data: bytes, code: str
) -> None:
    """One attempt, a stable code, no rows, no traceback, and the worker lives to load the next file."""
    file = tmp_path / "data.csv"
    file.write_bytes(data)
    job = wharf.load(file, profile="transactions", project_id=project)
    assert (job["status"], job["error"]["code"], job["attempt"]) == ("failed", code, 1)
    assert job["error"]["retryable"] is False
    assert "Traceback" not in job["error"]["message"]
    assert len(wharf.ask("SELECT 1 FROM wharf.attempts WHERE job_id = %s", job["job_id"])) == 1


def test_a_missing_column_is_named_with_what_was_found(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The user sees which column is missing and which headers the file has."""
    file = tmp_path / "data.csv"
    file.write_bytes(b"transaction_id,date,Anzahl,unit_price\nA,2025-01-01,1,2\n")
    message = wharf.load(file, profile="transactions", project_id=project)["error"]["message"]
    assert "quantity" in message
    assert "Anzahl" in message


def test_the_content_decides_and_not_the_name(wharf: Trial, tmp_path: Path, project: str) -> None:
    """A CSV that is called a picture loads."""
    file = tmp_path / "holiday.png"
    file.write_bytes(HEADER + b"\n" + ROW + b"\n")
    assert wharf.load(file, profile="transactions", project_id=project)["result"]["inserted"] == 1


def test_an_undecodable_byte_costs_its_row_only(wharf: Trial, tmp_path: Path, project: str) -> None:
    """0xFF in one row of a UTF-8 file: that row is set aside with its text readable, the others load."""
    file = tmp_path / "data.csv"
    lines = [HEADER + b",store", ROW + "é".encode(), b"B,2025-01-01,1,2.50,\xff", b"C,2025-01-01,1,2.50,ok"]
    lines[1] = ROW + ",café".encode()
    file.write_bytes(b"\n".join(lines) + b"\n")
    job = wharf.load(file, profile="transactions", project_id=project, options='{"encoding": "utf-8"}')
    assert (job["result"]["inserted"], job["result"]["rejected"]) == (2, 1)
    reject = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects").json()["items"][0]
    assert reject["line"] == 3
    assert reject["raw"] == "B,2025-01-01,1,2.50,\\xff"
    assert reject["errors"][0]["code"] == "invalid_encoding"


def test_on_error_abort_loads_nothing_and_shows_the_rows(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The first bad row ends the import; the error names its line and what is wrong there."""
    file = tmp_path / "data.csv"
    file.write_bytes(b"\n".join([HEADER, ROW, b"B,2025-01-01,many,2.50"]) + b"\n")
    job = wharf.load(file, profile="transactions", project_id=project, on_error="abort")
    assert (job["status"], job["error"]["code"]) == ("failed", "rows_rejected")
    row = job["error"]["detail"]["rows"][0]
    assert (row["line"], row["errors"][0]["column"]) == (3, "quantity")
    assert wharf.ask("SELECT 1 FROM wharf.data_updates WHERE project_id = %s", project) == []


def test_more_rejects_than_allowed_load_nothing(wharf: Trial, tmp_path: Path, project: str) -> None:
    """options.max_reject_ratio: one bad row of two is more than a tenth."""
    file = tmp_path / "data.csv"
    file.write_bytes(b"\n".join([HEADER, ROW, b"B,2025-01-01,many,2.50"]) + b"\n")
    options = '{"max_reject_ratio": 0.1}'
    job = wharf.load(file, profile="transactions", project_id=project, options=options)
    assert (job["status"], job["error"]["code"]) == ("failed", "too_many_rejects")
    assert wharf.ask("SELECT 1 FROM wharf.data_updates WHERE project_id = %s", project) == []


def test_both_kinds_of_decimal_marks(wharf: Trial, tmp_path: Path, project: str) -> None:
    """1.234,56 and 1,234.56 are the same amount."""
    file = tmp_path / "data.csv"
    lines = ["transaction_id;date;quantity;unit_price", "A;31.01.2025;1;1.234,56", "B;31.01.2025;1;1,234.56"]
    file.write_text("\n".join(lines), encoding="utf-8")
    job = wharf.load(file, profile="transactions", project_id=project)
    assert job["result"]["inserted"] == 2, job
    prices = f"SELECT DISTINCT unit_price::text, date::date::text FROM {wharf.dataset()} WHERE project_id = %s"
    assert [tuple(r.values()) for r in wharf.ask(prices, project)] == [("1234.56", "2025-01-31")]
