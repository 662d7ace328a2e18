from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest

from wharf.local.samples import write_transactions
from wharf.local.trial import Job, Trial

RETAIL = Path(__file__).parents[3] / "shared" / "data" / "real" / "online_retail_sample.csv"
RETAIL_MAPPING = (
    '{"InvoiceNo": "transaction_id", "StockCode": "product_id", "Description": "product_name",'
    ' "InvoiceDate": "date", "UnitPrice": "unit_price", "CustomerID": "customer_id", "Country": "store"}'
)
AS_TRANSACTIONS = {"profile": "transactions"}
OUTCOMES = ("inserted", "updated", "unchanged", "superseded", "rejected")


def counts(job: Job) -> tuple[int, ...]:
    """What became of the rows, in the order of `OUTCOMES`."""
    assert job["status"] == "completed", job["error"]
    found = tuple(job["result"][name] for name in OUTCOMES)
    assert sum(found) == job["result"]["rows_read"]
    return found


def write(path: Path, *lines: str) -> Path:
    """A file of these lines."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_good_row_is_in_the_dataset_and_every_bad_one_explained(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """The generator knows what must become of each row; the database is asked, not the job alone."""
    expected = write_transactions(tmp_path / "t.csv", 20_000, seed=7, bad=40)
    job = wharf.load(tmp_path / "t.csv", project_id=project, **AS_TRANSACTIONS)
    assert counts(job) == (expected.good, 0, 0, 0, len(expected.rejects))
    row = wharf.ask(f"SELECT count(*), sum(total) FROM {wharf.dataset()} WHERE project_id = %s", project)[0]
    assert (row["count"], row["sum"]) == (expected.good, expected.total)
    rejects = wharf.ask(
        "SELECT line, byte_offset, errors FROM wharf.rejects WHERE import_id = %s ORDER BY line",
        job["result"]["import_id"],
    )
    found = [(r["line"], r["byte_offset"], r["errors"][0]["code"]) for r in rejects]
    assert found == [(r.line, r.byte_offset, r.code) for r in expected.rejects]


def test_the_footer_of_a_large_file_is_listed_with_its_lines(wharf: Trial, tmp_path: Path, project: str) -> None:
    """It is no row, no reject, and not lost."""
    path = tmp_path / "t.csv"
    expected = write_transactions(path, 20_000, seed=7, bad=5)
    last = path.read_text(encoding="utf-8").count("\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\nTotal of the month\nSource: us\n")
    job = wharf.load(path, project_id=project, **AS_TRANSACTIONS)
    assert counts(job) == (expected.good, 0, 0, 0, len(expected.rejects))
    assert job["result"]["skipped_lines"] == [
        {"line": last + 2, "text": "Total of the month", "why": "footer"},
        {"line": last + 3, "text": "Source: us", "why": "footer"},
    ]


def test_nothing_temporary_is_left(wharf: Trial, tmp_path: Path, project: str) -> None:
    """When the job has ended its staging table, its lease and its checkpoint are gone; progress is at 100 percent."""
    write_transactions(tmp_path / "t.csv", 100, seed=2)
    job = wharf.load(tmp_path / "t.csv", project_id=project, **AS_TRANSACTIONS)
    staging = f"staging_{job['result']['import_id'].replace('-', '')}"
    assert wharf.ask("SELECT 1 FROM pg_class WHERE relname = %s", staging) == []
    assert wharf.ask("SELECT 1 FROM wharf.leases WHERE job_id = %s", job["job_id"]) == []
    assert wharf.one("SELECT checkpoint FROM wharf.jobs WHERE id = %s", job["job_id"]) is None
    assert (job["progress"]["percent"], job["progress"]["current"]) == (100.0, 100)


def test_the_same_file_again_changes_nothing(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Unchanged rows are counted and not rewritten: the rows keep the place on disk that they had."""
    expected = write_transactions(tmp_path / "t.csv", 500, seed=3, bad=4)
    first = wharf.load(tmp_path / "t.csv", project_id=project, **AS_TRANSACTIONS)
    place = f"SELECT ctid::text, transaction_id, line_number, _import_id FROM {wharf.dataset()} WHERE project_id = %s"
    before = wharf.ask(f"{place} ORDER BY 2, 3", project)
    again = wharf.load(tmp_path / "t.csv", project_id=project, **AS_TRANSACTIONS)
    assert counts(again) == (0, 0, expected.good, 0, len(expected.rejects))
    assert wharf.ask(f"{place} ORDER BY 2, 3", project) == before
    assert again["result"]["duplicate_of"] == first["result"]["import_id"]


def test_an_upsert_changes_what_differs_and_the_last_row_of_a_key_wins(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """Inserted, updated, unchanged and superseded rows are told apart."""
    header = "transaction_id,line_number,date,quantity,unit_price,notes"
    one = ["A,1,2025-01-01,1,2.50,same", "B,1,2025-01-01,1,1.00,old"]
    two = [
        "A,1,2025-01-01,1,2.50,same",
        "B,1,2025-01-02,3,1.00,mid",
        "B,1,2025-01-02,4,1.00,new",
        "C,1,2025-01-03,1,9,x",
    ]
    wharf.load(write(tmp_path / "1.csv", header, *one), project_id=project, **AS_TRANSACTIONS)
    job = wharf.load(write(tmp_path / "2.csv", header, *two), project_id=project, **AS_TRANSACTIONS)
    assert counts(job) == (1, 1, 1, 1, 0)
    rows = wharf.ask(
        f"SELECT transaction_id, quantity, total, notes FROM {wharf.dataset()} WHERE project_id = %s ORDER BY 1",
        project,
    )
    assert [tuple(r.values()) for r in rows] == [
        ("A", 1, Decimal("2.50"), "same"),
        ("B", 4, Decimal("4.00"), "new"),
        ("C", 1, Decimal(9), "x"),
    ]


def test_columns_that_a_file_does_not_have_stay_as_they_are(wharf: Trial, tmp_path: Path, project: str) -> None:
    """An update by a narrower file does not empty the columns it knows nothing of."""
    wide = write(
        tmp_path / "1.csv", "transaction_id,line_number,date,quantity,unit_price,store", "A,1,2025-01-01,1,2,Rome"
    )
    narrow = write(tmp_path / "2.csv", "transaction_id,line_number,date,quantity,unit_price", "A,1,2025-01-01,5,2")
    wharf.load(wide, project_id=project, **AS_TRANSACTIONS)
    assert counts(wharf.load(narrow, project_id=project, **AS_TRANSACTIONS)) == (0, 1, 0, 0, 0)
    rows = wharf.ask(f"SELECT quantity, total, store FROM {wharf.dataset()} WHERE project_id = %s", project)
    assert rows == [{"quantity": 5, "total": Decimal(10), "store": "Rome"}]


def test_lines_of_an_invoice_are_numbered_and_a_corrected_one_takes_its_own_place(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """A rejected line keeps its number: corrected and uploaded with it, it overwrites no other line."""
    header = "transaction_id,date,quantity,unit_price,product_id"
    lines = ["INV,2025-01-01,1,1.00,same", "INV,2025-01-01,oops,1.00,bad", "INV,2025-01-01,1,1.00,same"]
    job = wharf.load(write(tmp_path / "1.csv", header, *lines), project_id=project, **AS_TRANSACTIONS)
    assert counts(job) == (2, 0, 0, 0, 1)
    numbers = f"SELECT line_number, product_id FROM {wharf.dataset()} WHERE project_id = %s ORDER BY 1"
    assert [tuple(r.values()) for r in wharf.ask(numbers, project)] == [(1, "same"), (3, "same")]
    assert assigned(wharf, job) == [(3, {"line_number": 2})]
    assert told(wharf, job) == (1, 0)
    fixed = write(tmp_path / "2.csv", f"{header},line_number", "INV,2025-01-01,7,1.00,good,2")
    assert counts(wharf.load(fixed, project_id=project, **AS_TRANSACTIONS)) == (1, 0, 0, 0, 0)
    assert [tuple(r.values()) for r in wharf.ask(numbers, project)] == [(1, "same"), (2, "good"), (3, "same")]


def test_an_invoice_that_comes_again_in_a_later_batch_goes_on_counting(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """Staged rows are numbered on their way only where it is seen that no invoice comes again."""
    lines = [f"T{n:08d},2025-01-01,1,2.50,{'x' * 60}" for n in range(26_000)]
    path = write(tmp_path / "t.csv", "transaction_id,date,quantity,unit_price,notes", *lines, lines[0])
    assert 2 * 2**20 < path.stat().st_size < 4 * 2**20  # more than one batch, and too small to go straight in
    assert counts(wharf.load(path, project_id=project, **AS_TRANSACTIONS)) == (26_001, 0, 0, 0, 0)
    query = f"SELECT line_number, count(*) FROM {wharf.dataset()} WHERE project_id = %s GROUP BY 1 ORDER BY 1"
    assert [tuple(r.values()) for r in wharf.ask(query, project)] == [(1, 26_000), (2, 1)]


def test_a_number_of_many_digits_is_kept_to_the_last(wharf: Trial, tmp_path: Path, project: str) -> None:
    """It is too long for the way in bytes, which the other rows of its batch then do not take either."""
    header, price = "transaction_id,date,quantity,unit_price,total", "1234567890123456789.000000000001"
    path = write(tmp_path / "t.csv", header, f"A,2025-01-01,1,{price},{price}", "B,2025-01-01,2,1.50,3.00")
    assert counts(wharf.load(path, project_id=project, **AS_TRANSACTIONS)) == (2, 0, 0, 0, 0)
    rows = wharf.ask(f"SELECT unit_price::text FROM {wharf.dataset()} WHERE project_id = %s ORDER BY 1", project)
    assert [row["unit_price"] for row in rows] == ["1.50", price]


@pytest.mark.parametrize("good", [0, 1, 40], ids=["every line is bad", "most are", "few are"])
def test_rejected_lines_have_their_numbers_whatever_their_share(
    wharf: Trial, tmp_path: Path, project: str, good: int
) -> None:
    """In the file's order within each invoice, good lines counted too; where the invoice is not known there is none."""
    header = "transaction_id,date,quantity,unit_price"
    bad = ["B,2025-01-01,oops,1", "A,2025-01-01,1,1,more", "A,2025-01-01,oops,1", ",2025-01-01,1,1", "B,,oops,x"]
    lines = ["A,2025-01-01,1,1"] * good + bad
    job = wharf.load(write(tmp_path / "1.csv", header, *lines), project_id=project, **AS_TRANSACTIONS)
    assert counts(job) == (good, 0, 0, 0, 5)
    numbers = [1, good + 1, good + 2, None, 2]
    expected = [{"line_number": number} if number else None for number in numbers]
    assert assigned(wharf, job) == list(enumerate(expected, start=good + 2))
    file = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects.csv").raise_for_status().text
    rows = list(csv.DictReader(io.StringIO(file.removeprefix("\ufeff"), newline="")))
    assert [row["line_number"] for row in rows] == [str(number or "") for number in numbers]


def test_a_number_that_was_told_too_early_is_told_anew(wharf: Trial, tmp_path: Path, project: str) -> None:
    """An invoice that comes again in a later batch shows that numbers are to be given when all rows are known."""
    lines = [f"T{n:08d},2025-01-01,1,2.50,{'x' * 60}" for n in range(26_000)]
    bad = [line.replace("2025-01-01", "soon") for line in lines[:2]]
    path = tmp_path / "t.csv"
    write(path, "transaction_id,date,quantity,unit_price,notes", lines[0], bad[0], *lines[2:], bad[1], bad[0])
    job = wharf.load(path, project_id=project, **AS_TRANSACTIONS)
    numbers = {3: 2, len(lines) + 2: 1, len(lines) + 3: 3}
    assert assigned(wharf, job) == [(line, {"line_number": number}) for line, number in numbers.items()]
    assert told(wharf, job) == (0, 3)


def test_rejected_lines_have_numbers_where_the_file_has_some(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Empty cells of a column that the file brings are filled when all rows are known."""
    header = "transaction_id,line_number,date,quantity,unit_price"
    lines = ["A,,2025-01-01,1,1", "A,,2025-01-01,oops,1", "A,,2025-01-01,1,1"]
    job = wharf.load(write(tmp_path / "1.csv", header, *lines), project_id=project, **AS_TRANSACTIONS)
    assert assigned(wharf, job) == [(3, {"line_number": 2})]


def told(wharf: Trial, job: Job) -> tuple[int, int]:
    """How many rejects have their number in their row, and how many beside it."""
    own = job["result"]["import_id"]
    with_rows = wharf.one("SELECT count(assigned) FROM wharf.rejects WHERE import_id = %s", own)
    return with_rows, wharf.one("SELECT count(*) FROM wharf.assigned WHERE import_id = %s", own)


def assigned(wharf: Trial, job: Job) -> list[tuple[int, object]]:
    """What each rejected line would have been given, as the API tells it."""
    found = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects").raise_for_status().json()["items"]
    return [(reject["line"], reject["assigned"]) for reject in found]


def test_the_account_says_what_the_dataset_shows(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The DataUpdate record: rows before and after, outcomes, and the period that the rows cover."""
    header = "transaction_id,date,quantity,unit_price"
    lines = ["A,2025-03-01 10:00,1,1", "B,2025-01-15,1,1", "C,2025-06-30 23:59:59,1,1"]
    wharf.load(write(tmp_path / "1.csv", header, *lines), project_id=project, **AS_TRANSACTIONS)
    updates = wharf.api.get("/api/v1/datasets/transactions/updates", params={"project_id": project}).json()["items"]
    assert len(updates) == 1
    assert {k: updates[0][k] for k in ("rows_before", "inserted", "rows_after", "rejected")} == {
        "rows_before": 0,
        "inserted": 3,
        "rows_after": 3,
        "rejected": 0,
    }
    assert updates[0]["period"] == {"from": "2025-01-15T00:00:00Z", "to": "2025-06-30T23:59:59Z"}


def test_an_import_of_few_rows_counts_none_that_are_there(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The account before says how many there are: with millions of them each import would wait for their count."""
    fields = {"profile": "transactions", "project_id": project}
    for number, rows in enumerate((50, 30)):
        expected = write_transactions(tmp_path / "t.csv", rows, seed=number, prefix=f"{number}-")
        wharf.load(tmp_path / "t.csv", **fields)
    told = "UPDATE wharf.data_updates SET rows_after = 1000 WHERE project_id = %s AND rows_before > 0 RETURNING id"
    assert len(wharf.ask(told, project)) == 1
    wharf.load(tmp_path / "t.csv", mode="replace", **fields)
    accounts = "SELECT rows_before, rows_after FROM wharf.data_updates WHERE project_id = %s ORDER BY nth"
    found = [(row["rows_before"], row["rows_after"]) for row in wharf.ask(accounts, project)]
    assert found[1:] == [(found[0][1], 1000), (1000, expected.good)]


def test_replace_shows_only_the_new_rows(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Mode replace: what the file does not have is gone, in this project only."""
    header = "transaction_id,date,quantity,unit_price"
    wharf.load(
        write(tmp_path / "1.csv", header, "A,2025-01-01,1,1", "B,2025-01-01,1,1"), project_id=project, **AS_TRANSACTIONS
    )
    job = wharf.load(
        write(tmp_path / "2.csv", header, "C,2025-01-01,1,1"), project_id=project, **AS_TRANSACTIONS, mode="replace"
    )
    assert counts(job) == (1, 0, 0, 0, 0)
    assert wharf.one(f"SELECT array_agg(transaction_id) FROM {wharf.dataset()} WHERE project_id = %s", project) == ["C"]


def test_a_row_that_replaces_one_has_nothing_of_it(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Mode replace: a cell that the file does not have is empty afterwards, though the row's key is the same."""
    first = write(tmp_path / "1.csv", "transaction_id,date,quantity,unit_price,store,Till", "A,2025-01-01,1,1,Graz,7")
    wharf.load(first, project_id=project, **AS_TRANSACTIONS)
    second = write(
        tmp_path / "2.csv", "transaction_id,date,quantity,unit_price", "A,2025-01-01,2,1", "A,2025-01-01,3,1"
    )
    job = wharf.load(second, project_id=project, **AS_TRANSACTIONS, mode="replace")
    assert counts(job) == (2, 0, 0, 0, 0)
    query = f"SELECT line_number, quantity, store, properties FROM {wharf.dataset()} WHERE project_id = %s ORDER BY 1"
    assert [tuple(row.values()) for row in wharf.ask(query, project)] == [(1, 2, None, None), (2, 3, None, None)]


def test_a_dry_run_counts_exactly_and_changes_nothing(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The counts are those of the real merge, which is taken back."""
    header = "transaction_id,date,quantity,unit_price"
    wharf.load(write(tmp_path / "1.csv", header, "A,2025-01-01,1,1"), project_id=project, **AS_TRANSACTIONS)
    file = write(tmp_path / "2.csv", header, "A,2025-01-01,2,1", "B,2025-01-01,1,1", "C,x,1,1")
    job = wharf.load(file, project_id=project, **AS_TRANSACTIONS, dry_run="true")
    assert counts(job) == (1, 1, 0, 0, 1)
    assert wharf.one(f"SELECT array_agg(quantity) FROM {wharf.dataset()} WHERE project_id = %s", project) == [1]
    assert len(wharf.ask("SELECT 1 FROM wharf.data_updates WHERE project_id = %s", project)) == 1


@pytest.mark.skipif(not RETAIL.exists(), reason="the shared folder of real files is not here")
def test_a_real_shops_file_loads_through_a_mapping(wharf: Trial, project: str) -> None:
    """999 rows in, 999 loaded, dates month first, the sum of totals exact to the cent."""
    fields = {"mapping": RETAIL_MAPPING, "options": '{"date_order": "MDY"}'}
    job = wharf.load(RETAIL, project_id=project, **AS_TRANSACTIONS, **fields)
    assert counts(job) == (999, 0, 0, 0, 0)
    rows = [line.split(",") for line in RETAIL.read_text("utf-8").splitlines()[1:]]
    total = sum((Decimal(r[-5]) * Decimal(r[-3]) for r in rows), Decimal(0))
    found = wharf.ask(
        f"SELECT sum(total), min(date)::text AS first, count(DISTINCT transaction_id) AS invoices"
        f" FROM {wharf.dataset()} WHERE project_id = %s",
        project,
    )[0]
    assert (found["sum"], found["first"]) == (total, "2010-12-01 08:26:00+00")
    assert found["invoices"] == len({r[0] for r in rows})


def test_further_columns_are_kept_and_a_file_without_them_leaves_them(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """What no column claims is in `properties`; a later file that brings none of it changes none of it."""
    header = "transaction_id,line_number,date,quantity,unit_price"
    wide = write(tmp_path / "1.csv", f"{header},Colour", "A,1,2025-01-01,1,2,red")
    narrow = write(tmp_path / "2.csv", header, "A,1,2025-01-01,5,2")
    recoloured = write(tmp_path / "3.csv", f"{header},Colour", "A,1,2025-01-01,5,2,blue")
    found = []
    for file in (wide, narrow, recoloured):
        wharf.load(file, project_id=project, **AS_TRANSACTIONS)
        found += wharf.ask(f"SELECT quantity, properties FROM {wharf.dataset()} WHERE project_id = %s", project)
    assert [(row["quantity"], row["properties"]) for row in found] == [
        (1, {"Colour": "red"}),
        (5, {"Colour": "red"}),
        (5, {"Colour": "blue"}),
    ]
