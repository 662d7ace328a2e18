"""Files as people hand them in: chosen or dropped on a page, looked at, mapped by hand, imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.console.person import Person
from wharf.local.trial import Trial

Write = Callable[..., Path]
GERMAN = "Beleg;Datum;Menge;Preis\n" + "".join(f"B{nth};{nth + 1:02d}.02.2025;{nth + 1};3,50\n" for nth in range(9))
RECONNECTED_MILLIS = 5_000
"""A browser waits three seconds before it opens a stream again."""
COLUMNS = {"Beleg": "transaction_id", "Datum": "date", "Menge": "quantity", "Preis": "unit_price"}
DROP = """({ text }) => {
  const moved = new DataTransfer();
  moved.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
  const input = document.getElementById("field-file");
  input.files = moved.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}"""


@pytest.fixture
def german(tmp_path: Path) -> Path:
    """Sales whose headers no profile knows."""
    path = tmp_path / "verkauf.csv"
    path.write_text(GERMAN, "utf-8")
    return path


def map_by_hand(page: Page) -> None:
    for header, column in COLUMNS.items():
        page.get_by_label(f"What {header} brings").select_option(column)


def choose(page: Page, *files: Path) -> None:
    page.locator("#field-file").set_input_files([str(file) for file in files])


def test_one_file_leads_to_its_job(person: Person, write: Write) -> None:
    """From the list of jobs to the form, and to the import with what the form says."""
    page = person.go("/jobs")
    page.get_by_role("main").get_by_role("link", name="Hand in files").click()
    choose(page, write(20))
    page.get_by_label("What they are").select_option(label="Sales transactions")
    page.get_by_label("Project").fill("spring")
    page.get_by_label("Only check them").check()
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("sales.csv")
    expect(page.locator("article .badge").first).to_have_text("completed")
    (job,) = person.trial.api.get("/api/v1/jobs").json()["items"]
    assert (job["project_id"], job["result"]["dry_run"], job["result"]["inserted"]) == ("spring", True, 20)
    assert person.problems == []


def test_of_several_files_each_leads_to_its_own(person: Person, write: Write) -> None:
    """One after the other; the list stays, and the form is ready for the next ones."""
    page = person.go("/files")
    choose(page, *(write(nth + 1, f"{nth}.csv") for nth in range(3)))
    page.get_by_role("button", name="Import").click()
    links = page.locator("#sent").get_by_role("link", name="See its job")
    expect(links).to_have_count(3)
    assert page.locator("#field-file").evaluate("(input) => input.files.length") == 0
    links.nth(1).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1.csv")
    page.get_by_role("link", name="See the rows").click()
    expect(page.locator("#rows tbody tr")).to_have_count(3)
    assert person.problems == []


def test_a_dropped_file_is_sent_like_a_chosen_one(person: Person) -> None:
    """The browser gives both to the same field."""
    page = person.go("/files")
    page.evaluate(DROP, {"text": "transaction_id,date,quantity,unit_price\nt1,2025-01-02,1,3.50\n"})
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("dropped.csv")


def test_what_is_wrong_is_told_beside_its_field(person: Person, tenant: Trial, write: Write) -> None:
    """Once, not for each file; nothing is stored, and the form stays as it was filled in."""
    page = person.go("/files")
    choose(page, write(1, "a.csv"), write(1, "b.csv"))
    page.get_by_label("Project").fill("No Project!")
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#field-project_id-wrong")).to_be_visible()
    expect(page.locator("#sent li")).to_have_count(1)
    assert page.get_by_label("Project").input_value() == "No Project!"
    assert tenant.api.get("/api/v1/jobs").json()["items"] == []


def test_unknown_headers_are_mapped_by_hand(person: Person, tenant: Trial, german: Path) -> None:
    """Looked at first; read as what it is; each header given its column; what is needed is told until it is there."""
    page = person.go("/files")
    choose(page, german)
    page.get_by_role("button", name="Look at them first").click()
    expect(page.locator("#what-title")).to_be_visible()
    expect(page.locator("#file")).to_contain_text("none fits")
    page.get_by_label("Read it as").select_option("transactions")
    page.get_by_role("button", name="Look again").click()
    missing = page.locator("[data-needed]")
    expect(missing).to_contain_text("transaction_id")
    map_by_hand(page)
    expect(missing).to_be_hidden()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("article .badge").first).to_have_text("completed")
    assert tenant.one(f"SELECT count(*) FROM {dataset(tenant)}") == 9
    assert person.problems == []


def test_a_file_that_fitted_nothing_is_mapped_without_being_sent_again(
    person: Person, tenant: Trial, german: Path
) -> None:
    """From the import that failed to its file, and from there to one that ends well."""
    failed = tenant.load(german)
    page = person.go(f"/jobs/{failed['job_id']}")
    page.get_by_role("link", name="verkauf.csv").click()
    page.get_by_label("Read it as").select_option("transactions")
    page.get_by_role("button", name="Look at it").click()
    map_by_hand(page)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("article .badge").first).to_have_text("completed")
    assert tenant.one(f"SELECT count(*) FROM {dataset(tenant)}") == 9
    assert person.problems == []


def looked_at(person: Person, path: Path) -> Page:
    """The page of a file of transactions that was handed in to be looked at."""
    page = person.go("/files")
    choose(page, path)
    page.get_by_label("What they are").select_option("transactions")
    page.get_by_role("button", name="Look at them first").click()
    return page


def dataset(tenant: Trial) -> str:
    """The tenant's own table: its schema is the one that was made last."""
    schema = tenant.one("SELECT schema_name FROM wharf.tenants ORDER BY id DESC LIMIT 1")
    return f'"{schema}"."transactions"'


def test_rows_that_were_set_aside_are_seen_with_what_is_wrong(person: Person, tmp_path: Path) -> None:
    """Line, row and reasons on the job's page; what a cell says is text; what was assumed is told too."""
    path = tmp_path / "mixed.csv"
    path.write_text(
        "transaction_id,date,quantity,unit_price\nt1,2025-01-02,1,2\nt2,<i>never</i>,,2\nt3,01/02/2025,4,2\n", "utf-8"
    )
    page = person.go("/files")
    choose(page, path)
    page.get_by_role("button", name="Import").click()
    row = page.locator("#rejects tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("t2,<i>never</i>,,2")
    expect(row.locator("li").first).to_contain_text("date <i>never</i>: This is not a date")
    expect(row.locator("li").nth(1)).to_contain_text("quantity: This column must have a value")
    expect(page.locator("article .notice")).to_contain_text("Assumed date order")
    assert person.problems == []


def test_cells_that_differ_are_decided_one_by_one_and_all_at_once(
    person: Person, tenant: Trial, tmp_path: Path
) -> None:
    """What is there beside what the file says; what was decided is in the dataset, and is asked about no more."""
    path = tmp_path / "stores.csv"
    for store in ("Bonn", "<i>Ulm</i>"):
        lines = (f"t{nth},2025-01-02,1,2,{store}\n" for nth in range(4))
        path.write_text("transaction_id,date,quantity,unit_price,store\n" + "".join(lines), "utf-8")
        asking = '{"conflicts": {"store": "ask"}}'
        job = tenant.load(path, profile="transactions", options=asking)
    page = person.go(f"/jobs/{job['job_id']}")
    waiting = page.locator("#cells tbody tr")
    expect(waiting).to_have_count(4)
    expect(waiting.first).to_contain_text("transaction_id t0")
    expect(waiting.first).to_contain_text("<i>Ulm</i>")
    waiting.first.get_by_role("button", name="Take").click()
    expect(waiting).to_have_count(3)
    page.get_by_role("button", name="Keep all that are there").click()
    page.get_by_role("button", name="Keep them").click()
    expect(page.locator("#cells")).to_have_count(0)
    stores = tenant.ask(f"SELECT store FROM {dataset(tenant)} ORDER BY transaction_id")
    assert [row["store"] for row in stores] == ["<i>Ulm</i>", "Bonn", "Bonn", "Bonn"]
    assert person.problems == []


def test_a_mapping_that_is_being_made_stays(person: Person, german: Path) -> None:
    """The stream of the look ends, and the browser opens it once more: nothing is loaded anew for that."""
    page = person.go("/files")
    choose(page, german)
    page.get_by_label("What they are").select_option("transactions")
    page.get_by_role("button", name="Look at them first").click()
    page.get_by_label("What Beleg brings").select_option("transaction_id")
    page.get_by_label("Only check it").check()
    page.wait_for_timeout(RECONNECTED_MILLIS)
    assert page.get_by_label("What Beleg brings").input_value() == "transaction_id"
    assert page.get_by_label("Only check it").is_checked()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("Needed, and not brought by any header yet: unit_price.")
    assert "/files/" in page.url


def test_a_header_is_said_to_bring_nothing(person: Person, tenant: Trial, tmp_path: Path) -> None:
    """Although its name is a column's."""
    path = tmp_path / "with-notes.csv"
    path.write_text("transaction_id,date,quantity,unit_price,notes\nn1,2025-01-02,1,2,for us alone\n", "utf-8")
    page = looked_at(person, path)
    page.get_by_label("What notes brings").select_option("Nothing: kept beside")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("article .badge").first).to_have_text("completed")
    assert tenant.ask(f"SELECT notes, properties FROM {dataset(tenant)}") == [
        {"notes": None, "properties": {"notes": "for us alone"}}
    ]


def test_a_column_is_taken_from_the_header_of_its_name(person: Person, tenant: Trial, tmp_path: Path) -> None:
    """What the server would do by itself is not said, so the better header can be chosen."""
    path = tmp_path / "corrected.csv"
    path.write_text("transaction_id,date,quantity,unit_price,qty corrected\nt1,2025-01-02,1,2,9\n", "utf-8")
    page = looked_at(person, path)
    page.get_by_label("What qty corrected brings").select_option("quantity")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("article .badge").first).to_have_text("completed")
    assert tenant.one(f"SELECT quantity FROM {dataset(tenant)}") == 9
