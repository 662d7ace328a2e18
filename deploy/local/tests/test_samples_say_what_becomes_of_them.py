from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from wharf.local.samples import Expected, write_transactions

ROWS = 5000
BAD = 40
INVOICE_LINES = 6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "transactions.csv"


def read(path: Path) -> list[dict[str | None, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def is_good(row: dict[str | None, str]) -> bool:
    try:
        datetime.strptime(row["date"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the file has no time zones
        return None not in row and bool(Decimal(row["unit_price"]).is_finite() and int(row["quantity"]))
    except (ValueError, ArithmeticError):
        return False


def test_the_account_is_that_of_the_file(path: Path) -> None:
    """Another reader counts the same rows, the same spoilt ones, and the same sum to the cent."""
    expected = write_transactions(path, ROWS, seed=7, bad=BAD)
    rows = read(path)
    good = [row for row in rows if is_good(row)]
    assert (len(rows), len(good)) == (expected.rows, expected.good) == (ROWS, ROWS - BAD)
    assert sum(Decimal(row["quantity"]) * Decimal(row["unit_price"]) for row in good) == expected.total
    assert expected.rejected == {"required": 10, "not_a_number": 10, "not_a_date": 10, "too_many_cells": 10}


def test_each_reject_is_where_the_account_says(path: Path) -> None:
    """Line and byte offset lead to the spoilt row, though notes of several lines stand before it."""
    expected = write_transactions(path, ROWS, seed=7, bad=BAD)
    data = path.read_bytes()
    header = data.partition(b"\n")[0].decode().split(",")
    spoilt = {"quantity": "", "unit_price": "twelve", "date": "2025-02-30"}
    for reject in expected.rejects:
        cells = next(csv.reader(io.StringIO(data[reject.byte_offset :].decode(), newline="")))
        assert data[: reject.byte_offset].count(b"\n") + 1 == reject.line
        assert len(cells) == len(header) + (reject.column is None)
        assert reject.column is None or cells[header.index(reject.column)] == spoilt[reject.column]
    rows_before = (2 * BAD - 1) * ROWS // (2 * BAD)
    assert expected.rejects[-1].line > rows_before + 2


def test_spoilt_rows_are_spread_evenly(path: Path) -> None:
    """Every part of a file that is split has its share."""
    expected = write_transactions(path, ROWS, bad=4)
    quarters = Counter(reject.byte_offset * 4 // path.stat().st_size for reject in expected.rejects)
    assert quarters == {0: 1, 1: 1, 2: 1, 3: 1}


def test_the_same_seed_makes_the_same_file(tmp_path: Path) -> None:
    """What a failure showed can be made again; another seed makes another file."""
    accounts: list[Expected] = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        accounts.append(write_transactions(tmp_path / name, 500, seed=seed, bad=3))
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again
    assert first != other
    assert accounts[0] == accounts[1]


def test_invoices_have_lines(path: Path) -> None:
    """Up to six lines share an invoice's number, date and customer; numbered from 1 where that is wanted."""
    write_transactions(path, ROWS, numbered=True, totals=True)
    invoices: dict[str, list[dict[str | None, str]]] = {}
    for row in read(path):
        invoices.setdefault(row["transaction_id"], []).append(row)
        assert Decimal(row["total"]) == int(row["quantity"]) * Decimal(row["unit_price"])
    assert {len(lines) for lines in invoices.values()} == set(range(1, INVOICE_LINES + 1))
    for lines in invoices.values():
        assert [row["line_number"] for row in lines] == [str(number + 1) for number in range(len(lines))]
        assert len({(row["date"], row["customer_id"], row["store"]) for row in lines}) == 1


def test_files_of_different_prefixes_share_no_key(tmp_path: Path) -> None:
    """With one line each the transaction's number is a key, over many files."""
    for prefix in ("A", "B"):
        write_transactions(tmp_path / prefix, 1000, most_lines=1, prefix=prefix)
    numbers = [row["transaction_id"] for prefix in ("A", "B") for row in read(tmp_path / prefix)]
    assert len(set(numbers)) == len(numbers) == 2000


def test_dates_are_written_as_asked(path: Path) -> None:
    """Day first, with dots, without a time of day to speak of."""
    write_transactions(path, 100, date_format="%d.%m.%Y", time_format="%H:%M")
    for row in read(path):
        assert datetime.strptime(row["date"], "%d.%m.%Y %H:%M").year == 2025  # noqa: DTZ007 - as above


def test_the_sample_has_what_is_hard_to_read(path: Path) -> None:
    """Commas, quotes, umlauts and line ends stand inside cells."""
    write_transactions(path, ROWS)
    text = path.read_text(encoding="utf-8")
    assert all(mark in text for mark in ('""', ", 4 x 40 mm", "ü", "Łukasz", "twice,\nleave"))
