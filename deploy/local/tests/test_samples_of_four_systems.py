from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from wharf.local.samples import Expected, write_assets, write_jira_issues, write_purchase_orders

ROWS = 600
BAD = 6
WRITERS = (write_jira_issues, write_assets, write_purchase_orders)
JIRA_TIME = re.compile(r"\d\d/(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/25 (1[0-2]|[1-9]):\d\d (AM|PM)")
KEYS = {"issue_key": "Issue key", "po_number": "PO Number", "unit_price": "Unit Price", "order_date": "Order Date"}
KEYS |= {"story_points": "Custom field (Story Points)", "created": "Created", "tag": "tag", "type": "type"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sample.csv"


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def good(path: Path, expected: Expected) -> list[dict[str, str]]:
    """The rows that are not spoilt, by header; of a repeated one the last value counts here."""
    data = path.read_bytes()
    spoilt = {data[: reject.byte_offset].count(b"\n") for reject in expected.rejects}
    header, _ = read(path)
    rows = csv.reader(io.StringIO(data.decode(), newline=""))
    starts = 0
    found = []
    for row in rows:
        if starts and starts not in spoilt:
            found.append(dict(zip(header, row, strict=False)))
        starts = rows.line_num
    return found


@pytest.mark.parametrize("write", WRITERS)
def test_the_same_seed_makes_the_same_sample(write: Callable[..., Expected], tmp_path: Path) -> None:
    """What a failure showed can be made again; another seed makes another file."""
    accounts = [write(tmp_path / name, ROWS, seed=seed, bad=BAD) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again
    assert first != other
    assert accounts[0] == accounts[1]


@pytest.mark.parametrize("write", WRITERS)
def test_each_spoilt_row_is_where_its_account_says(write: Callable[..., Expected], path: Path) -> None:
    """Line and byte offset lead to a cell that cannot be loaded, though cells of several lines stand before it."""
    expected = write(path, ROWS, seed=3, bad=BAD)
    data = path.read_bytes()
    header, rows = read(path)
    assert (len(rows), len(expected.rejects)) == (expected.rows, BAD) == (ROWS, BAD)
    for reject in expected.rejects:
        cells = next(csv.reader(io.StringIO(data[reject.byte_offset :].decode(), newline="")))
        assert data[: reject.byte_offset].count(b"\n") + 1 == reject.line
        value = cells[header.index(KEYS[str(reject.column)])]
        assert value in {"", "many", "twelve", "31/Feb/25 9:00 AM", "2025-02-30"}
        assert (value == "") == (reject.code == "required")


def test_a_jira_export_looks_like_one(path: Path) -> None:
    """Headers repeat, dates are Jira's in English, comments have several lines, and they are counted."""
    expected = write_jira_issues(path, ROWS, seed=3, bad=BAD, most_comments=6)
    header, rows = read(path)
    assert {name: header.count(name) for name in ("Sprint", "Labels", "Comment", "Attachment", "Fix versions")} == {
        "Sprint": 3, "Labels": 4, "Comment": 6, "Attachment": 3, "Fix versions": 2,
    }  # fmt: skip
    places = [place for place, name in enumerate(header) if name == "Comment"]
    spoilt = {reject.line for reject in expected.rejects}
    assert len(spoilt) == BAD
    comments = [row[place] for row in rows for place in places if row[place]]
    assert any("\n" in comment for comment in comments)
    assert 0 < len(comments) - expected.total <= BAD * len(places)
    assert all(JIRA_TIME.fullmatch(row["Created"]) for row in good(path, expected))


def test_a_row_of_a_jira_export_may_outgrow_its_header(path: Path) -> None:
    """As Jira does: more comments than the header has columns for stand at the row's end."""
    write_jira_issues(path, ROWS)
    header, rows = read(path)
    assert {len(row) - len(header) for row in rows} == {0, 1, 2}


def test_the_weight_of_the_assets_is_known(path: Path) -> None:
    """Tags are keys; the sum is that of the good rows."""
    expected = write_assets(path, ROWS, seed=3, bad=BAD)
    rows = good(path, expected)
    assert sum(Decimal(row["weight_kg"]) for row in rows) == expected.total
    assert len({row["tag"] for row in rows}) == expected.good == ROWS - BAD


def test_what_the_orders_speak_of_is_counted_once(path: Path) -> None:
    """Another reader finds the same suppliers, materials, orders, lines and prices, and none disagrees with itself."""
    expected = write_purchase_orders(path, ROWS, seed=3, bad=BAD)
    rows = good(path, expected)

    def things(*names: str) -> int:
        return len({tuple(row[name] for name in names) for row in rows})

    price = ("Supplier Code", "Material Code", "Order Date")
    assert expected.entities == {
        "suppliers": things("Supplier Code"),
        "materials": things("Material Code"),
        "purchase_orders": things("PO Number"),
        "order_lines": len(rows),
        "prices": things(*price),
    }
    assert things("PO Number", "Supplier Code", "Currency", "Order Date") == things("PO Number")
    assert things("Supplier Code", "Supplier Name") == things("Supplier Code")
    assert things("Material Code", "Material Name", "Unit") == things("Material Code")
    assert things(*price, "Unit Price", "Currency") == things(*price)
    assert sum(Decimal(row["Quantity"]) * Decimal(row["Unit Price"]) for row in rows) == expected.total


def test_samples_of_different_prefixes_share_nothing(tmp_path: Path) -> None:
    """A test may load its own beside those of others."""
    codes = []
    for prefix in ("A-", "B-"):
        write_purchase_orders(tmp_path / prefix, ROWS, prefix=prefix)
        _, rows = read(tmp_path / prefix)
        codes.append({cell for row in rows for cell in (row[0], row[1], row[3])})
    assert not codes[0] & codes[1]
