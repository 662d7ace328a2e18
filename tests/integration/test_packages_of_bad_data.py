"""What people bring, in a package: texts of any length and script, thousands of columns, a job that is cancelled."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from pypdf import PdfReader

from tests.packages import fetch, made, order
from wharf.local.samples import write_transactions
from wharf.local.trial import Trial

TYPES = "/api/v1/package-types"
WORDS = [f"word{n}." for n in range(11_000)]
TEXTS = {
    "LONG": " ".join(WORDS),
    "CONTROL": "a\x07b\x1bc",
    "HEBREW": "\u05e9\u05dc\u05d5\u05dd (123) abc",
    "ARABIC": "\u0645\u0631\u062d\u0628\u0627",
    "CJK": "\u6f22\u5b57\u304b\u306a\uc778\ucc9c",
    "EMOJI": "ship \U0001f6a2 here",
    "FORMULA": "=1+1",
    "COMMAND": "=cmd|' /C calc'!A0",
    "AT": "@SUM(A1:A9)",
    "MARKS": "<b>&amp;</b>",
}
"""By the asset's tag."""


def nothing_is_there(wharf: Trial, job_id: str) -> None:
    """Neither a file to be downloaded, nor one in the storage."""
    for part in ("files", "bundle.zip"):
        answer = wharf.api.get(f"/api/v1/packages/{job_id}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (409, "package_not_completed")
    assert [path for path in wharf.stack.folder.objects.rglob("*") if job_id in str(path) and path.is_file()] == []


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one strange text in each row."""
    path = tmp_path_factory.mktemp("texts") / "texts.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["tag", "type", "area", "description"])
        rows.writerows([tag, "TEXT", "hall", text] for tag, text in TEXTS.items())
    return path


@pytest.fixture
def package(wharf: Trial, texts: Path, project: str) -> tuple[Worksheet, str]:
    """The register of these rows: its sheet, and the text of its pages."""
    loaded = wharf.load(texts, project_id=project, profile="assets")
    assert loaded["result"]["inserted"] == len(TEXTS), loaded
    job = made(wharf, "asset_register", project, formats=["xlsx", "pdf"], sections=["register"])
    pages = PdfReader(fetch(wharf, job, ".pdf")).pages
    return load_workbook(fetch(wharf, job, ".xlsx"))["Register"], "\n".join(page.extract_text() for page in pages)


def test_any_text_is_in_the_workbook_and_stays_text(package: tuple[Worksheet, str]) -> None:
    """Nothing is computed, dropped or broken; what a cell cannot hold is cut and says so."""
    cells = {str(row[0].value): row[3] for row in package[0].iter_rows(min_row=2)}
    assert {cell.data_type for cell in cells.values()} == {"s"}
    assert {tag: cell.value for tag, cell in cells.items() if tag not in {"LONG", "CONTROL"}} == {
        tag: text for tag, text in TEXTS.items() if tag not in {"LONG", "CONTROL"}
    }
    assert cells["CONTROL"].value == "a\ufffdb\ufffdc"
    long = str(cells["LONG"].value)
    assert len(long) <= 32_767
    assert long.startswith(TEXTS["LONG"][:32_000])
    assert long.endswith("[cut: longer than a cell may be]")


def test_any_text_is_on_the_pages(package: tuple[Worksheet, str]) -> None:
    """100 kB of it over many pages, whole and in order; every script with its letters."""
    text = package[1]
    assert [word for word in text.split() if word.startswith("word")] == WORDS
    squeezed = "".join(text.split())
    for tag in ("CJK", "FORMULA", "COMMAND", "AT", "MARKS", "EMOJI"):
        assert "".join(TEXTS[tag].split()) in squeezed, tag
    assert "a\ufffdb\ufffdc" in text
    assert "(123)" in text


def test_2000_columns_are_all_there(tenant: Trial, tmp_path: Path, project: str) -> None:
    """More than one query of PostgreSQL can give; every value stands below its own title, in the same row."""
    names = [f"c{n}" for n in range(2000)]
    columns: list[dict[str, Any]] = [{"name": name, "title": name.upper(), "from_property": name} for name in names]
    columns[1700] |= {"format": "integer", "total": True}
    section = {"name": "all", "title": "Wide", "dataset": "assets", "columns": columns, "order": [{"column": "c1999"}]}
    tenant.api.post(TYPES, json={"name": "wide", "title": "Wide", "sections": [section]}).raise_for_status()
    path = tmp_path / "wide.csv"
    rows = [[f"T{row}", "X", *(str(row * 10_000 + n) for n in range(2000))] for row in (3, 1, 2)]
    path.write_text("\n".join(",".join(row) for row in [["tag", "type", *names], *rows]), encoding="utf-8")
    assert tenant.load(path, project_id=project, profile="assets")["result"]["inserted"] == 3
    job = made(tenant, "wide", project, formats=["xlsx", "pdf"])
    sheet = list(load_workbook(fetch(tenant, job, ".xlsx"), data_only=True)["Wide"].values)
    assert list(sheet[0]) == [name.upper() for name in names]
    assert [[int(str(cell)) for cell in row] for row in sheet[1:4]] == [
        [row * 10_000 + n for n in range(2000)] for row in (1, 2, 3)
    ]
    assert sheet[4][1700] == 60_000 + 3 * 1700
    text = "\n".join(page.extract_text() for page in PdfReader(fetch(tenant, job, ".pdf")).pages)
    assert {f"{row * 10_000 + n}" for row in (1, 2, 3) for n in range(2000) if n != 1700} <= set(text.split())


def test_a_package_that_is_cancelled_while_it_is_written_leaves_nothing(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """It stops between two pages, not at its end."""
    write_transactions(tmp_path / "t.csv", 100_000, seed=4, bad=0)
    wharf.load(tmp_path / "t.csv", project_id=project, profile="transactions")
    job_id = order(wharf, "transactions_report", project, formats=["xlsx", "pdf"])
    wharf.until(job_id, "to write pages", lambda job: job["progress"]["stage"] == "pdf")
    wharf.api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    job = wharf.ended(job_id)
    assert (job["status"], job["result"]) == ("cancelled", None)
    assert job["progress"]["percent"] < 100
    nothing_is_there(wharf, job_id)
