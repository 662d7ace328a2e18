"""Numbers as people write them."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.ingest_worker.reading.numbers import Mark, decimals, evidence, integers
from wharf.ingest_worker.reading.reasons import CODES

READ_ONE_WAY = {
    "0": "0",
    "12": "12",
    "-12.5": "-12.5",
    "1234.56": "1234.56",
    "1234,56": "1234.56",
    "1.234,56": "1234.56",
    "1,234.56": "1234.56",
    "1,234,567": "1234567",
    "1.234.567": "1234567",
    "1.234.567,8": "1234567.8",
    "1 234,56": "1234.56",
    "1\u00a0234,56": "1234.56",
    "1\u202f234.56": "1234.56",
    "1'234.56": "1234.56",
    "1\u2019234.56": "1234.56",
    "12,34,567.89": "1234567.89",
    "0,123": "0.123",
    "0.123": "0.123",
    ".5": "0.5",
    "-.5": "-0.5",
    ",5": "0.5",
    "5.": "5",
    "12,5": "12.5",
    "$5": "5",
    "$1,234.50": "1234.50",
    "€ 1.234,50": "1234.50",
    "1.234,50 €": "1234.50",
    "-$5.25": "-5.25",
    "$-5.25": "-5.25",
    "£5": "5",
    "5-": "-5",
    "1.234,56-": "-1234.56",
    "(5.25)": "-5.25",
    "($1,234.50)": "-1234.50",
    "\u22125": "-5",
    "+5": "5",
    "  7.5 ": "7.5",
    "1e3": "1000",
    "1.5E-05": "0.000015",
    "9" * 38: "9" * 38,
}
NO_NUMBERS = ["abc", "1.2.3", "1,2,3", "--5", "5-5", "-5-", "(-5)", "1 2", "12 34", "N/A", "-", "nan", "inf", "0x10",
              "1,23,45", ",", ".", "$", "1.234,567.8", "5%", "1e", "١٢"]  # fmt: skip


def decimal(text: str, mark: Mark) -> str:
    """The decimal text of one cell, or its fault."""
    found = decimals(pa.array([text]), mark)
    fault = found.faults[0] if found.faults is not None else 0
    return CODES[fault] or found.values[0].as_py()


def integer(text: str, mark: Mark = Mark.POINT) -> int | str:
    """The integer of one cell, or its fault."""
    found = integers(pa.array([text]), mark)
    fault = found.faults[0] if found.faults is not None else 0
    return CODES[fault] or found.values[0].as_py()


@pytest.mark.parametrize("mark", Mark)
@pytest.mark.parametrize(("text", "expected"), READ_ONE_WAY.items())
def test_a_number_with_one_meaning_is_read_so_whatever_its_column_does(text: str, expected: str, mark: Mark) -> None:
    """Its own marks decide, not the column's."""
    assert decimal(text, mark) == expected


@pytest.mark.parametrize("mark", Mark)
@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_rejected(text: str, mark: Mark) -> None:
    """Also where a lenient parser would find one."""
    assert decimal(text, mark) == "not_a_number"
    assert integer(text, mark) == "not_a_number"


@pytest.mark.parametrize(("text", "point", "comma"), [("1,234", "1234", "1.234"), ("-1.234", "-1.234", "-1234"),
                                                     ("$999,000", "999000", "999.000")])  # fmt: skip
def test_a_number_with_two_meanings_follows_its_column(text: str, point: str, comma: str) -> None:
    """And is rejected where the column has no single mark."""
    assert [decimal(text, mark) for mark in Mark] == [point, comma, "ambiguous_number"]


def test_more_digits_than_can_be_kept_are_out_of_range() -> None:
    """Forty digits are more likely damage than an amount."""
    assert decimal("9" * 39, Mark.POINT) == "out_of_range"
    assert decimal("1" + "0" * 38 + ",5", Mark.POINT) == "out_of_range"
    assert decimal("1e99", Mark.POINT) == "out_of_range"


@pytest.mark.parametrize(("text", "expected"), [
    ("6", 6), ("-6", -6), ("6.0", 6), ("6,00", 6), ("1,234", 1234), ("1.234.567", 1234567), ("6.5", "not_an_integer"),
    ("1.234", "not_an_integer"), ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
    ("9223372036854775808", "out_of_range"), ("-9223372036854775809", "out_of_range"), ("1e3", 1000), ("007", 7),
    ("00000000000000000000007", 7), ("1" * 39, "out_of_range"), ("(3)", -3),
])  # fmt: skip
def test_integers_are_whole_and_fit(text: str, expected: int | str) -> None:
    """A bigint is what PostgreSQL keeps."""
    assert integer(text) == expected


def test_a_column_keeps_its_order_and_its_nulls() -> None:
    """The ways of the fast, the usual and the odd cells come together again."""
    cells = pa.array(["1", None, "x", "2.5", "$3", " ", "1,234.5", "x"])
    found = decimals(cells, Mark.POINT)
    assert found.faults is not None
    assert [CODES[f] for f in found.faults] == ["", "", "not_a_number", "", "", "", "", "not_a_number"]
    good = [v for v, f in zip(found.values.to_pylist(), found.faults, strict=True) if not f]
    assert good == ["1", None, "2.5", "3", None, "1234.5"]


def test_a_clean_column_is_left_as_it_is() -> None:
    """No work and no copy where every cell is what PostgreSQL reads."""
    cells = pa.array(["1", "2.50", None, "-3"])
    assert decimals(cells, Mark.POINT).values is cells


@pytest.mark.parametrize(("cells", "expected"), [
    (["1.5", "2.50", "7"], (2, 0, 0)), (["1,5", "1.234,5"], (0, 2, 0)), (["1,234", "5.678"], (0, 0, 2)),
    (["1,234,567"], (1, 0, 0)), (["x", "1", "-"], (0, 0, 0)),
])  # fmt: skip
def test_evidence_counts_what_can_be_read_one_way_only(cells: list[str], expected: tuple[int, int, int]) -> None:
    """The plan decides a column's mark from these."""
    assert evidence(pa.array(cells)) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_any_amount_survives_both_ways_of_writing(amount: object) -> None:
    """Grouped with comma and point, or the other way round, it is the same number."""
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert decimal(english, Mark.POINT) == decimal(german, Mark.COMMA) == f"{amount:.2f}"
