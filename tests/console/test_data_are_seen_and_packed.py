"""What was loaded, as people look at it: rows found by a value, what was merged, a package to take away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.console.person import Person
from wharf.local.trial import Trial

Write = Callable[..., Path]


def test_rows_are_found_by_a_value(person: Person, tenant: Trial, write: Write) -> None:
    """Page by page, and one by its key while it is being written; a value that cannot be is told, and is no error."""
    tenant.load(write(120), profile="transactions")
    page = person.go("/data")
    page.get_by_role("link", name="Sales transactions").click()
    rows = page.locator("#rows tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="First")).to_be_visible()
    page.get_by_label("Column").select_option("transaction_id")
    page.get_by_label("Is", exact=True).fill("t77")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("t77")
    page.get_by_label("Column").select_option("quantity")
    expect(page.locator("#rows")).to_contain_text("this is none")
    assert person.problems == []


def test_what_was_merged_leads_to_its_import(person: Person, tenant: Trial, write: Write) -> None:
    """From the dataset to the job that changed it."""
    tenant.load(write(7, "first.csv"), profile="transactions")
    page = person.go("/data/transactions")
    page.get_by_role("link", name="What was merged").click()
    page.locator("tbody tr").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("first.csv")


def test_a_package_is_ordered_and_taken_away(person: Person, tenant: Trial, write: Write) -> None:
    """Both files; what is wrong with the form is told beside its field."""
    tenant.load(write(30), profile="transactions")
    page = person.go("/packages")
    page.get_by_label("Package", exact=True).select_option("transactions_report")
    page.get_by_label("PDF", exact=True).check()
    page.get_by_label("Numbers and dates of the PDF").fill("xx")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".wrong").filter(visible=True)).to_contain_text("locale")
    page.get_by_label("Numbers and dates of the PDF").fill("de")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator("article .badge").first).to_have_text("completed")
    with page.expect_download() as taken:
        page.get_by_role("link", name="PDF").click()
    assert taken.value.path().read_bytes().startswith(b"%PDF")
    assert person.problems == [] or all("422" in each for each in person.problems)
