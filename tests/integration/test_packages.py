from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from tests.packages import fetch, made
from wharf.local.samples import write_assets, write_jira_issues, write_purchase_orders, write_transactions
from wharf.local.trial import Trial

TYPES = (
    "activity_report",
    "asset_register",
    "import_report",
    "issues_report",
    "procurement_summary",
    "transactions_report",
)
BOTH = {"formats": ["xlsx", "pdf"]}


def test_every_transaction_is_in_both_files_and_the_sums_are_sqls(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Each id stands on one page; the workbook's totals are what the database adds up."""
    expected = write_transactions(tmp_path / "t.csv", 3000, seed=4, bad=10)
    wharf.load(tmp_path / "t.csv", project_id=project, profile="transactions")
    job = made(wharf, "transactions_report", project, **BOTH)
    result = job["result"]
    assert (result["package_type"], result["cached"]) == ("transactions_report", False)
    reader = PdfReader(fetch(wharf, job, ".pdf"), strict=True)
    assert len(reader.pages) == result["pages"] == result["files"][1]["pages"]
    rows = wharf.ask(f"SELECT transaction_id FROM {wharf.dataset()} WHERE project_id = %s", project)
    in_sql = Counter(row["transaction_id"] for row in rows)
    pattern = re.compile("|".join(sorted(map(re.escape, in_sql), reverse=True)))
    assert Counter(one for page in reader.pages for one in pattern.findall(page.extract_text())) == in_sql
    sheet = load_workbook(fetch(wharf, job, ".xlsx"), data_only=True)["All transactions"]
    assert Decimal(str(sheet.cell(sheet.max_row, 7).value)) == expected.total
    assert sheet.max_row == expected.good + 2


@pytest.mark.parametrize("package_type", TYPES)
def test_a_package_of_nothing_says_so(wharf: Trial, project: str, package_type: str) -> None:
    """Of every type, in both formats."""
    job = made(wharf, package_type, project, **BOTH)
    text = "".join(page.extract_text() for page in PdfReader(fetch(wharf, job, ".pdf")).pages)
    assert text.count("There are no rows") >= 3
    assert len(load_workbook(fetch(wharf, job, ".xlsx")).sheetnames) >= 4
    assert job["result"]["rows"] == 0


@pytest.mark.parametrize(
    ("package_type", "profile", "write"),
    [
        ("asset_register", "assets", write_assets),
        ("issues_report", "jira_issues", write_jira_issues),
        ("procurement_summary", "procurement", write_purchase_orders),
        ("import_report", "assets", write_assets),
        ("activity_report", "assets", write_assets),
    ],
)
def test_every_built_in_type_shows_its_data(
    wharf: Trial, tmp_path: Path, project: str, package_type: str, profile: str, write: Any
) -> None:
    """As both formats; nothing of it is empty."""
    write(tmp_path / "rows.csv", 300, seed=3, bad=3)
    wharf.load(tmp_path / "rows.csv", project_id=project, profile=profile)
    job = made(wharf, package_type, project, **BOTH)
    book = load_workbook(fetch(wharf, job, ".xlsx"))
    assert all(sheet["A2"].value is not None for sheet in book.worksheets[1:])
    assert PdfReader(fetch(wharf, job, ".pdf")).outline


def test_the_same_data_give_the_same_bytes(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Answered from the earlier package, made anew when that is asked for, and made anew when the data changed."""
    write_assets(tmp_path / "a.csv", 50, seed=1, bad=0)
    wharf.load(tmp_path / "a.csv", project_id=project, profile="assets")
    first = made(wharf, "asset_register", project, **BOTH)
    again = made(wharf, "asset_register", project, **BOTH)
    forced = made(wharf, "asset_register", project, force=True, **BOTH)
    assert [job["result"]["cached"] for job in (first, again, forced)] == [False, True, False]
    assert first["result"]["files"] == again["result"]["files"] == forced["result"]["files"]
    assert fetch(wharf, again, ".pdf").getvalue() == fetch(wharf, forced, ".pdf").getvalue()
    write_assets(tmp_path / "b.csv", 60, seed=2, bad=0)
    wharf.load(tmp_path / "b.csv", project_id=project, profile="assets")
    changed = made(wharf, "asset_register", project, **BOTH)
    assert not changed["result"]["cached"]
    assert changed["result"]["fingerprint"] != first["result"]["fingerprint"]


def test_files_come_in_parts_and_as_a_bundle(wharf: Trial, project: str) -> None:
    """Ranges, names, types; the bundle holds the same bytes and a manifest."""
    job = made(wharf, "asset_register", project, **BOTH)
    base = f"/api/v1/packages/{job['job_id']}"
    listed = wharf.api.get(f"{base}/files").json()["items"]
    pdf = next(file for file in listed if file["media_type"] == "application/pdf")
    whole = wharf.api.get(pdf["url"])
    assert whole.headers["content-disposition"].startswith(f'attachment; filename="{pdf["name"]}"')
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = wharf.api.get(pdf["url"], headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (HTTPStatus.PARTIAL_CONTENT, whole.content[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{pdf['size']}"
    assert wharf.api.get(pdf["url"], headers={"Range": "bytes=-7"}).content == whole.content[-7:]
    beyond = wharf.api.get(pdf["url"], headers={"Range": f"bytes={pdf['size']}-"})
    assert beyond.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    with zipfile.ZipFile(io.BytesIO(wharf.api.get(f"{base}/bundle.zip").content)) as archive:
        assert archive.testzip() is None
        assert archive.read(pdf["name"]) == whole.content
        assert json.loads(archive.read("manifest.json"))["fingerprint"] == job["result"]["fingerprint"]


@pytest.mark.parametrize(
    ("wish", "code", "near"),
    [
        ({"package_type": "transaction_report"}, "unknown_package_type", "transactions_report"),
        (
            {"package_type": "transactions_report", "options": {"sections": ["detail"]}},
            "unknown_section",
            "details",
        ),
        ({"package_type": "asset_register", "options": {"locale": "xx"}}, "unknown_locale", "de-CH"),
    ],
)
def test_what_there_is_not_is_refused_with_what_is_near(wharf: Trial, wish: Any, code: str, near: str) -> None:
    """At once, before any worker looks at it."""
    answer = wharf.api.post("/api/v1/packages", json=wish)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.json()["code"] == code
    assert near in answer.json()["detail"]


def test_another_tenants_package_is_not_there(wharf: Trial, tenant: Trial, project: str) -> None:
    """The same answer as for an id that nobody has."""
    job = made(wharf, "asset_register", project)
    for part in ("files", f"files/{job['result']['files'][0]['name']}", "bundle.zip"):
        answer = tenant.api.get(f"/api/v1/packages/{job['job_id']}/{part}")
        assert answer.status_code == HTTPStatus.NOT_FOUND


def test_only_the_sections_that_were_asked_for(wharf: Trial, project: str) -> None:
    """By name, in the type's order."""
    job = made(wharf, "transactions_report", project, sections=["details", "by_store"], locale="de")
    book = load_workbook(fetch(wharf, job, ".xlsx"))
    assert book.sheetnames == ["Summary", "Totals by store", "All transactions"]
