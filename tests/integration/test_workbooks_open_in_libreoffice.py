"""The workbook of every built-in type, opened and written again by the spreadsheet that people have."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from wharf.local.samples import write_assets, write_jira_issues, write_purchase_orders, write_transactions
from wharf.local.trial import Trial

SAMPLES: dict[str, Callable[..., object]] = {
    "assets": write_assets,
    "jira_issues": write_jira_issues,
    "procurement": write_purchase_orders,
    "transactions": write_transactions,
}
TYPES = ("asset_register", "import_report", "issues_report", "procurement_summary", "transactions_report")
SECONDS = 200
Cells = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def calc() -> str:
    """LibreOffice's command, where it can read workbooks: it comes without Calc, too."""
    soffice = shutil.which("soffice")
    if soffice is None or not list(Path(soffice).resolve().parent.glob("libsclo.*")):
        pytest.skip("needs: LibreOffice")
    return soffice


@pytest.fixture
def loaded(wharf: Trial, tmp_path: Path, project: str) -> Trial:
    """A project with rows of every profile, and some rejects."""
    for profile, write in SAMPLES.items():
        path = tmp_path / f"{profile}.csv"
        write(path, 200, seed=9, bad=2)
        assert wharf.load(path, project_id=project, profile=profile)["status"] == "completed"
    return wharf


def workbook(trial: Trial, package_type: str, project: str, folder: Path) -> Path:
    """The package's file, as `folder/TYPE.xlsx`."""
    wish = {"package_type": package_type, "project_id": project}
    job = trial.ended(trial.api.post("/api/v1/packages", json=wish).raise_for_status().json()["job_id"])
    assert job["status"] == "completed", job["error"]
    name = job["result"]["files"][0]["name"]
    path = folder / f"{package_type}.xlsx"
    path.write_bytes(trial.api.get(f"/api/v1/packages/{job['job_id']}/files/{name}").raise_for_status().content)
    return path


def written_again(calc: str, books: list[Path], folder: Path) -> list[Path]:
    """The same workbooks as LibreOffice reads and writes them, without a window or anybody to ask."""
    home = f"-env:UserInstallation=file://{folder}/home"
    command = [
        calc,
        "--headless",
        "--norestore",
        home,
        "--convert-to",
        "xlsx",
        "--outdir",
        str(folder),
        *map(str, books),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return [folder / book.name for book in books]


def cells(path: Path) -> Cells:
    """What stands in the cells that are not empty, by sheet and place; numbers as a spreadsheet keeps them."""
    book = load_workbook(path, data_only=True)
    return {
        sheet.title: {
            cell.coordinate: _comparable(cell.value) for row in sheet for cell in row if cell.value not in {None, ""}
        }
        for sheet in book
    }


def _comparable(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    return round(float(value), 6) if isinstance(value, int | float) and not isinstance(value, bool) else value


def test_every_built_in_workbook_opens_without_repair(loaded: Trial, calc: str, tmp_path: Path, project: str) -> None:
    """All sheets, all cells and all sums are the same afterwards."""
    books = [workbook(loaded, package_type, project, tmp_path) for package_type in TYPES]
    again = tmp_path / "again"
    again.mkdir()
    for book, copy in zip(books, written_again(calc, books, again), strict=True):
        assert copy.exists(), f"{book.name}: LibreOffice cannot open it"
        before, after = cells(book), cells(copy)
        assert list(before) == list(after), book.name
        different = {
            (sheet, at): (value, after[sheet].get(at))
            for sheet, found in before.items()
            for at, value in found.items()
            if after[sheet].get(at) != value
        }
        assert different == {}, book.name
        assert sum(map(len, before.values())) > 20
