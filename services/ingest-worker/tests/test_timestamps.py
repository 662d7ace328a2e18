"""Dates and times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.ingest_worker.reading.reasons import CODES
from wharf.ingest_worker.reading.timestamps import Order, evidence, order_of, timestamps

IN_ANY_ORDER = {
    "2025-11-30": "2025-11-30T00:00:00",
    "2025-11-30T15:04": "2025-11-30T15:04:00",
    "2025-11-30 15:04:05": "2025-11-30T15:04:05",
    "2025-11-30T15:04:05.123456": "2025-11-30T15:04:05.123456",
    "2025-11-30T15:04:05.123456789": "2025-11-30T15:04:05.123456",
    "2025-11-30T15:04:05,5": "2025-11-30T15:04:05.500000",
    "2025-11-30T15:04:05Z": "2025-11-30T15:04:05",
    "2025-11-30T15:04:05+02:00": "2025-11-30T13:04:05",
    "2025-11-30 15:04:05 -0530": "2025-11-30T20:34:05",
    "2025-11-30 15:04:05+02": "2025-11-30T13:04:05",
    "2025-11-30 15+02:00": "2025-11-30T13:00:00",
    "2025-11-30t15:04:05": "2025-11-30T15:04:05",
    "2025-11-30 15:04 UTC": "2025-11-30T15:04:00",
    "2025-1-3": "2025-01-03T00:00:00",
    "2025/11/30": "2025-11-30T00:00:00",
    "2025.11.30 1:02": "2025-11-30T01:02:00",
    "20251130": "2025-11-30T00:00:00",
    "20251130T150405Z": "2025-11-30T15:04:05",
    "12/Nov/25 3:14 PM": "2025-11-12T15:14:00",
    "12/Nov/25 12:14 AM": "2025-11-12T00:14:00",
    "1-Jan-2025": "2025-01-01T00:00:00",
    "30 November 2025": "2025-11-30T00:00:00",
    "November 30, 2025 3:04 p.m.": "2025-11-30T15:04:00",
    "Nov 3rd, 2025": "2025-11-03T00:00:00",
    "Sun, 30 Nov 2025 15:04:05 +0000": "2025-11-30T15:04:05",
    "2025-Nov-30": "2025-11-30T00:00:00",
    "11/11/2025": "2025-11-11T00:00:00",
    "2024-02-29": "2024-02-29T00:00:00",
    "0001-01-01": "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999": "9999-12-31T23:59:59.999999",
    "  2025-11-30 ": "2025-11-30T00:00:00",
}
NO_DATES = ["abc", "2025-02-30", "2023-02-29", "2025-13-01", "31/31/2025", "2025-11-30T25:00", "2025-11-30T10:61",
            "1/2-2025", "12/1/2025 13:00 PM", "0000-01-01", "20251301", "1/1/999", "1764500000", "2025", "30/Foo/2025",
            "9999-12-31T23:59:59-05:00", "2025-11-30 24:00:00",
            "2025-11-30T15:35:60", "2025-11-30T10:00:00+25:00", "5", "N/A"]  # fmt: skip


def moment(text: str, order: Order = Order.UNKNOWN) -> str:
    """One cell's moment in UTC, or its fault."""
    found = timestamps(pa.array([text]), order)
    fault = found.faults[0] if found.faults is not None else 0
    return CODES[fault] or found.values[0].as_py().astimezone(UTC).replace(tzinfo=None).isoformat()


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(("text", "expected"), IN_ANY_ORDER.items())
def test_a_date_with_one_meaning_is_read_so(text: str, expected: str, order: Order) -> None:
    """Whatever order its column has."""
    assert moment(text, order) == expected


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_is_rejected(text: str, order: Order) -> None:
    """Days that no calendar has, too."""
    assert moment(text, order) == "not_a_date"


@pytest.mark.parametrize(("text", "order", "expected"), [
    ("12/1/10 8:26", Order.MDY, "2010-12-01T08:26:00"),
    ("12/1/10 8:26", Order.DMY, "2010-01-12T08:26:00"),
    ("10/1/12", Order.YMD, "2010-01-12T00:00:00"),
    ("31/1/2010", Order.MDY, "not_a_date"),
    ("1/31/2010", Order.DMY, "not_a_date"),
    ("3/4/2010", Order.BOTH, "ambiguous_date"),
    ("31/1/2010", Order.BOTH, "2010-01-31T00:00:00"),
    ("1/31/2010", Order.BOTH, "2010-01-31T00:00:00"),
    ("3/4/2010", Order.UNKNOWN, "2010-03-04T00:00:00"),
    ("3.4.2010", Order.UNKNOWN, "2010-04-03T00:00:00"),
    ("1/2/68", Order.MDY, "2068-01-02T00:00:00"),
    ("1/2/69", Order.MDY, "1969-01-02T00:00:00"),
])  # fmt: skip
def test_the_order_decides_what_numbers_leave_open(text: str, order: Order, expected: str) -> None:
    """A value against a sure order is an error, never read the other way."""
    assert moment(text, order) == expected


@pytest.mark.parametrize(("cells", "expected"), [
    (["12/1/10", "12/31/10"], Order.MDY), (["1.12.2010", "31.12.2010"], Order.DMY), (["10/12/31", "99/1/2"], Order.YMD),
    (["1/2/2010", "2/3/2010"], Order.UNKNOWN), (["2025-01-31", "x"], Order.UNKNOWN),
    (["31/1/10", "1/31/10"], Order.BOTH),
    (["1/31/10"] * 40 + ["31/1/10"], Order.MDY),
])  # fmt: skip
def test_a_number_above_twelve_shows_the_order(cells: list[str], expected: Order) -> None:
    """One mistake among many does not count."""
    assert order_of(evidence(pa.array(cells))) is expected


def test_a_column_of_many_forms_keeps_its_order() -> None:
    """The fast and the slow way come together again."""
    cells = pa.array(["2025-01-02", None, "3/1/2025", "x", "2025-01-02T03:00:00+03:00", "2025-02-30", "2025-01-04"])
    found = timestamps(cells, Order.DMY)
    assert found.faults is not None
    assert [CODES[f] for f in found.faults] == ["", "", "", "not_a_date", "", "not_a_date", ""]
    good = [v and v.day for v, f in zip(found.values.to_pylist(), found.faults, strict=True) if not f]
    assert good == [2, None, 3, 2, 4]
    assert found.values.type == pa.timestamp("us", "UTC")


@given(st.datetimes(min_value=datetime(1969, 1, 1), max_value=datetime(2068, 12, 31)))  # noqa: DTZ001 - naive is the point
def test_any_moment_survives_every_way_of_writing(when: datetime) -> None:
    """To the second, in each order and with month names."""
    when = when.replace(microsecond=0)
    for form, order in [("%m/%d/%y %I:%M:%S %p", Order.MDY), ("%d.%m.%Y %H:%M:%S", Order.DMY),
                        ("%d/%b/%y %H:%M:%S", Order.UNKNOWN), ("%Y-%m-%dT%H:%M:%S", Order.MDY)]:  # fmt: skip
        assert moment(when.strftime(form), order) == when.isoformat()
    zoned = (when + timedelta(hours=5, minutes=30)).isoformat() + "+05:30"
    assert moment(zoned) == when.isoformat()


LIKE_ISO = ["2025-11-30 15:35:03", "2025-11-30", "2025-11-30 15+01:00", "20251130 153503.123", "2025-11-30T15:35Z  "]
STROKES = st.lists(st.tuples(st.integers(0, 18), st.sampled_from("0123456789-:T Z+.W")), max_size=3)


@given(st.sampled_from(LIKE_ISO), STROKES)
def test_a_column_of_one_form_is_read_as_any_other(text: str, strokes: list[tuple[int, str]]) -> None:
    """Where all cells are as long as ISO has them Arrow alone reads them; a longer one among them ends that."""
    for at, mark in strokes:
        text = text[:at] + mark + text[at + 1 :] if at < len(text) else text
    found = timestamps(pa.array([text]), Order.UNKNOWN)
    other = timestamps(pa.array([text, "2025-11-30 15:35:03.5"]), Order.UNKNOWN)
    faults = [None if one.faults is None or not one.faults[0] else CODES[one.faults[0]] for one in (found, other)]
    assert (found.values[0], faults[0]) == (other.values[0], faults[1])
