"""Every form in which real exports write dates, with the moment that it means, and what only looks like one."""

from __future__ import annotations

import random
import string
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wharf.common.profiles import ColumnType
from wharf.ingest_worker.reading.datewords import MONTHS, WEEKDAYS
from wharf.ingest_worker.reading.look import type_of
from wharf.ingest_worker.reading.reasons import CODES
from wharf.ingest_worker.reading.timestamps import Order, timestamps

FORMS = {
    # ISO 8601 and what databases make of it
    "2025-11-30": "2025-11-30T00:00:00",
    "2025-11-30T15:04:05": "2025-11-30T15:04:05",
    "2025-11-30 15:04:05": "2025-11-30T15:04:05",
    "2025-11-30T15:04:05.123": "2025-11-30T15:04:05.123000",
    "2025-11-30 15:04:05.1234567": "2025-11-30T15:04:05.123456",
    "2025-11-30T15:04:05,5": "2025-11-30T15:04:05.500000",
    "2025-11-30T15:04:05Z": "2025-11-30T15:04:05",
    "2025-11-30t15:04:05z": "2025-11-30T15:04:05",
    "2025-11-30T15:04:05+0100": "2025-11-30T14:04:05",
    "2025-11-30T15:04:05.123+01:00": "2025-11-30T14:04:05.123000",
    "2025-11-30T15:04:05+01": "2025-11-30T14:04:05",
    "2025-11-30 15:04:05-0330": "2025-11-30T18:34:05",
    "2025-11-30 15:04:05.1234567 +01:00": "2025-11-30T14:04:05.123456",
    "2025-11-30T15:04:05+01:00[Europe/Paris]": "2025-11-30T14:04:05",
    "2025-11-30 15:04:05 UTC": "2025-11-30T15:04:05",
    "2025-11-30 15:04 GMT+1": "2025-11-30T14:04:00",
    "2025-11-30 15:04 UTC-3:30": "2025-11-30T18:34:00",
    "2025-11-30T15:04": "2025-11-30T15:04:00",
    "2025-11-30T15": "2025-11-30T15:00:00",
    "2025-11-30 3 PM": "2025-11-30T15:00:00",
    # basic ISO, weeks, days of the year
    "20251130": "2025-11-30T00:00:00",
    "20251130T150405Z": "2025-11-30T15:04:05",
    "20251130T150405.25Z": "2025-11-30T15:04:05.250000",
    "20251130T1504+0100": "2025-11-30T14:04:00",
    "20251130 150405": "2025-11-30T15:04:05",
    "20251130150405": "2025-11-30T15:04:05",
    "20251130150405123": "2025-11-30T15:04:05.123000",
    "2025-W48-7": "2025-11-30T00:00:00",
    "2025W487": "2025-11-30T00:00:00",
    "2025-W48-7T15:04:05Z": "2025-11-30T15:04:05",
    "2025-W01-1": "2024-12-30T00:00:00",
    "2020-W53-5": "2021-01-01T00:00:00",
    "2025-334": "2025-11-30T00:00:00",
    "2025-334T15:04Z": "2025-11-30T15:04:00",
    "2024-366": "2024-12-31T00:00:00",
    # numbers, in the order that they show
    "2025/11/30 15:04": "2025-11-30T15:04:00",
    "2025.11.30": "2025-11-30T00:00:00",
    "2025. 11. 30.": "2025-11-30T00:00:00",
    "30/11/2025": "2025-11-30T00:00:00",
    "30.11.2025": "2025-11-30T00:00:00",
    "30-11-2025": "2025-11-30T00:00:00",
    "30. 11. 2025": "2025-11-30T00:00:00",
    "30/11/25 15:04:05": "2025-11-30T15:04:05",
    "30.11.25 15.04.05": "2025-11-30T15:04:05",
    "30.11.2025. 15:04": "2025-11-30T15:04:00",
    "30.11.2025 15:04 Uhr": "2025-11-30T15:04:00",
    "30.11.2025 um 9 Uhr": "2025-11-30T09:00:00",
    "30/11/2025 15h04": "2025-11-30T15:04:00",
    "30/11/2025 à 15 h 04": "2025-11-30T15:04:00",
    "30/11/2025 alle ore 15:04": "2025-11-30T15:04:00",
    "11/30/2025": "2025-11-30T00:00:00",
    "11/30/25 3:04 PM": "2025-11-30T15:04:00",
    "11/30/2025 12:04:05 a.m.": "2025-11-30T00:04:05",
    "11/30/2025, 3:04:05\u202fPM": "2025-11-30T15:04:05",
    "Sun 11/30/2025": "2025-11-30T00:00:00",
    # English months
    "12/Nov/25 3:14 PM": "2025-11-12T15:14:00",
    "30 Nov 2025": "2025-11-30T00:00:00",
    "30-Nov-2025 15:04": "2025-11-30T15:04:00",
    "30th of November 2025": "2025-11-30T00:00:00",
    "30NOV2025:15:04:05": "2025-11-30T15:04:05",
    "30/Nov/2025:15:04:05 +0100": "2025-11-30T14:04:05",
    "30-NOV-25 03.04.05.123456 PM": "2025-11-30T15:04:05.123456",
    "Nov 30, 2025": "2025-11-30T00:00:00",
    "Nov 30 2025  3:04PM": "2025-11-30T15:04:00",
    "Nov  3 2025 12:00AM": "2025-11-03T00:00:00",
    "November 30th, 2025 at 3:14 PM": "2025-11-30T15:14:00",
    "Sunday, November 30, 2025 3:04:05 PM": "2025-11-30T15:04:05",
    "Sun, 30 Nov 2025 15:04:05 +0000": "2025-11-30T15:04:05",
    "Sun, 30 Nov 2025 15:04:05 GMT": "2025-11-30T15:04:05",
    "Sun Nov 30 2025 15:04:05 GMT+0100 (Central European Standard Time)": "2025-11-30T14:04:05",
    "Sun Nov 30 15:04:05 2025": "2025-11-30T15:04:05",
    "Sun Nov 30 15:04:05 +0100 2025": "2025-11-30T14:04:05",
    "2025-Nov-30": "2025-11-30T00:00:00",
    # months of other languages
    "12. März 2025": "2025-03-12T00:00:00",
    "12. Mär. 2025": "2025-03-12T00:00:00",
    "12. MAERZ 2025": "2025-03-12T00:00:00",
    "Mittwoch, 12. März 2025 um 15:04 Uhr": "2025-03-12T15:04:00",
    "12.Okt.25": "2025-10-12T00:00:00",
    "3 déc. 2025": "2025-12-03T00:00:00",
    "1er janvier 2025": "2025-01-01T00:00:00",
    "mar. 12 août 2025 à 15 h 04": "2025-08-12T15:04:00",
    "12 de enero de 2025": "2025-01-12T00:00:00",
    "12 de septiembre del 2025": "2025-09-12T00:00:00",
    "miércoles, 12-mar-25": "2025-03-12T00:00:00",
    "30 nov 2025, 3:04:05 p.\u00a0m.": "2025-11-30T15:04:05",
    "lunedì 12 maggio 2025": "2025-05-12T00:00:00",
    "12 gen 2025": "2025-01-12T00:00:00",
    "segunda-feira, 12 de maio de 2025": "2025-05-12T00:00:00",
    "1º de março de 2025": "2025-03-01T00:00:00",
    "12/out./2025": "2025-10-12T00:00:00",
    "12-mrt-2025": "2025-03-12T00:00:00",
    "woensdag 12 mei 2025 om 15:04": "2025-05-12T15:04:00",
    "12 października 2025 r.": "2025-10-12T00:00:00",
    "poniedziałek, 12 listopada 2025": "2025-11-12T00:00:00",
    "12 paź 2025": "2025-10-12T00:00:00",
    "2025年11月30日 15:04": "2025-11-30T15:04:00",
    "2025년 11월 30일": "2025-11-30T00:00:00",
}
BOTH_WAYS = {
    "3/4/2025": ("2025-03-04T00:00:00", "2025-04-03T00:00:00"),
    "03-04-25 15:04": ("2025-03-04T15:04:00", "2025-04-03T15:04:00"),
    "3.4.2025": ("2025-03-04T00:00:00", "2025-04-03T00:00:00"),
    "3. 4. 2025": ("2025-03-04T00:00:00", "2025-04-03T00:00:00"),
}
NONE = (
    # days, weeks, months and times that there are not
    "30 February 2025", "30. Februar 2025", "29 février 2025", "31 de junio de 2025", "31 kwietnia 2025",
    "Nov 31, 2025", "32 Nov 2025", "0 Nov 2025", "2025 Nov 31", "13/13/2025", "00/11/2025", "2025-00-10",
    "2025-13-01 10:00",
    "2025-02-29T10:00Z", "20250229", "20251301T150405Z", "20251130T150461", "2025-W53-1", "2025-W00-1", "2025-W48-0",
    "2025-W48-8", "2025-366", "2025-000", "2024-367", "2025年2月30日", "2025年13月1日", "Sun Nov 31 15:04:05 2025",
    "2025-11-30 24:00", "2025-11-30 23:59:60", "2025-11-30T15:60", "30.11.2025 15:04 PM", "30.11.2025 0:30 AM",
    "2025-11-30 15:04 GMT+25", "2025-11-30 15:04 +01:60",
    # words that are no names, and names that mean several things
    "12 Foo 2025", "12 Marchember 2025", "Foo, 30 Nov 2025", "due 30 Nov 2025", "until 30.11.2025",
    "30.11.2025 or 15:04", "tomorrow", "12 lis 2025", "12-lip-25", "12. listopada 2025.", "12. listopad 2025",
    # zones with several meanings
    "2025-11-30 15:04 CET", "2025-11-30 15:04:05 EST", "11/30/2025 3:04 PM PST", "30 Nov 2025 15:04 IST",
    "Sun Nov 30 15:04:05 CET 2025", "2025-11-30T15:04:05 BST", "2025-11-30 15:04 [Europe/Paris]", "2025-11-30T15:04+1",
    # parts of dates, and forms mixed up
    "Nov 2025", "30 Nov", "12. März", "2025-11", "2025-W48", "202511", "15:04", "Q4 2025", "2025", "30/11-2025",
    "30. 11.2025", "2025-W487", "2025W48-7", "2025-11-30 15:04.05", "2025-11-30 15.04:05", "2025-11-30 15h04:05",
    "2025-11-30 3", "30 Nov 2025 5", "30.11.205", "30 Nov 205", "1.2.3", "10.11.12.13", "1/2/3/2025", "30/11/2025 at",
    "12 Nov 20:15", "12 Nov, 20:15:30", "12 Nov 10:05 PM", "12 Nov 20 15", "30. 11. 20:15",
    "30.11. 20:15", "30.11.25 15",
    # seconds, milliseconds and more since 1970, days of a workbook, numbers of anything
    "1764515045", "1764515045123", "1764515045123456", "1712011200000000000", "45991", "45991.63", "2025113", "0", "-1",
)  # fmt: skip


def moment(text: str, order: Order = Order.UNKNOWN) -> str:
    """One cell's moment in UTC, or its fault."""
    return moments([text], order)[0]


def moments(texts: list[str], order: Order) -> list[str]:
    """Those of a column."""
    found = timestamps(pa.array(texts, pa.string()), order)
    faults = [0] * len(texts) if found.faults is None else found.faults
    values = (value.astimezone(UTC).replace(tzinfo=None).isoformat() for value in found.values.to_pylist())
    return [CODES[fault] or value for fault, value in zip(faults, values, strict=True)]


@pytest.mark.parametrize(("text", "expected"), FORMS.items())
def test_every_form_means_its_moment(text: str, expected: str) -> None:
    """In UTC; there are far more than thirty."""
    assert moment(text) == expected


@pytest.mark.parametrize(("text", "expected"), BOTH_WAYS.items())
def test_a_date_that_fits_two_orders_is_read_by_the_columns(text: str, expected: tuple[str, str]) -> None:
    """And not at all where the column has both."""
    assert (moment(text, Order.MDY), moment(text, Order.DMY)) == expected
    assert moment(text, Order.BOTH) == "ambiguous_date"


@pytest.mark.parametrize("order", Order)
def test_what_is_no_date_in_any_order_is_a_fault(order: Order) -> None:
    """Never another date."""
    assert [(text, found) for text, found in zip(NONE, moments(list(NONE), order), strict=True)] == [
        (text, "not_a_date") for text in NONE
    ]


def test_all_forms_may_stand_in_one_column() -> None:
    """Repeated and in any order: each is read as if it were alone."""
    texts = [*FORMS, *NONE] * 3
    random.Random(4).shuffle(texts)
    assert moments(texts, Order.UNKNOWN) == [FORMS.get(text, "not_a_date") for text in texts]


@pytest.mark.parametrize("number", range(1, 13))
def test_every_name_of_a_month_is_that_month(number: int) -> None:
    """In any case, with a point or without."""
    for name in MONTHS[number - 1].split():
        expected = f"2025-{number:02}-09T00:00:00"
        assert {moment(f"9 {name} 2025"), moment(f"9-{name.upper()}-25"), moment(f"09 {name.title()}. 2025")} == {
            expected
        }


def test_no_name_is_of_two_months() -> None:
    """In whatever languages."""
    names = " ".join(MONTHS).split()
    assert len(set(names)) == len(names)
    assert len(set(WEEKDAYS)) == len(WEEKDAYS)


@given(st.dates(min_value=date(1970, 1, 1), max_value=date(2068, 12, 31)), st.integers(0, 86_399))
@example(date(2000, 12, 31), 86_399)
def test_weeks_and_days_of_the_year_are_those_of_the_calendar(day: date, second: int) -> None:
    """As Python counts them."""
    year, week, weekday = day.isocalendar()
    expected = (datetime(day.year, day.month, day.day) + timedelta(seconds=second)).isoformat()  # noqa: DTZ001 - naive is the point
    time = (datetime(1970, 1, 1) + timedelta(seconds=second)).strftime("T%H:%M:%S")  # noqa: DTZ001 - as above
    assert moment(f"{year}-W{week:02}-{weekday}{time}") == expected
    assert moment(f"{day:%Y-%j}{time}") == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet="0123456789 /.-:TZWapmNovärh+,()" + string.ascii_letters, max_size=30), max_size=20))
def test_whatever_stands_in_a_cell_is_a_date_or_a_fault(texts: list[str]) -> None:
    """Nothing falls over."""
    filled = [text for text in texts if text.strip()]
    assert len(moments(filled, Order.UNKNOWN)) == len(filled)


def test_numbers_of_invoices_are_not_taken_for_days_of_a_year() -> None:
    """A column of dates reads them, but none is called so for them."""
    assert type_of(pa.array([f"2025-{n:03}" for n in range(1, 300)])) is ColumnType.TEXT
    assert type_of(pa.array(["12. März 2025", "3. Mai 2025"])) is ColumnType.TIMESTAMP
