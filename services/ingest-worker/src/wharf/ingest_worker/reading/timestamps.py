"""Dates and times as people write them, to moments in UTC; a time without a zone is in UTC.

ISO 8601 in all its usual forms, with weeks (`2025-W48-7`) and days of the year (`2025-334`); day, month and year in any
order with `/`, `.` or `-`; names of months in eight languages (`12/Nov/25 3:14 PM`, `12. März 2025`); see `dateforms`.
Two-digit years mean 1969 to 2068. A year of four digits in front is always followed by month and day. For the rest the
column's order decides; where the sample gave none (no number above 12), dates with dots are read day first and
others month first, and the plan warns.

Numbers are no dates: whether 1764515045 are seconds, or 45991 a day of a workbook, nobody can see.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.cells import Converted, as_mask, by_distinct, by_parts, matching, offsets_of, trimmed
from wharf.ingest_worker.reading.dateforms import FORMS, ISO_NAIVE, ISO_ZONED, NUMERIC
from wharf.ingest_worker.reading.datewords import are_words, month_numbers, plain
from wharf.ingest_worker.reading.moments import (
    FIRST,
    LAST,
    MONTHS,
    days_of,
    days_of_ordinals,
    days_of_weeks,
    full_years,
    lengths,
    moments_of,
    numbers,
)
from wharf.ingest_worker.reading.reasons import NUMBER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wharf.ingest_worker.reading.cells import Mask
    from wharf.ingest_worker.reading.moments import Days, Fields, Numbers


class Order(StrEnum):
    """In which order a column writes its dates. `BOTH`: the sample shows the two; `UNKNOWN`: it shows none."""

    MDY = "MDY"
    DMY = "DMY"
    YMD = "YMD"
    BOTH = "both"
    UNKNOWN = "unknown"


MOMENT: Final = pa.timestamp("us", "UTC")
DATE: Final = len("2025-11-30")
DATE_TIME: Final = len("2025-11-30 15:35:03")
DAY: Final = 24 * 60 * 60 * 10**6
"""Microseconds."""
MAJORITY: Final = 0.95
"""An order that nearly all dates of the sample need is the file's; the others are mistakes."""


def timestamps(cells: pa.Array, order: Order) -> Converted:
    """Text cells to timestamps in UTC, of microseconds. Faults: `not_a_date`, `ambiguous_date`."""
    found = trimmed(cells)
    if (usual := _usual(found)) is not None:
        return usual
    naive = matching(found, ISO_NAIVE) | ~as_mask(found.is_valid())
    return by_parts(found, naive, lambda part: _iso(part, zone=None), lambda rest: _zoned_or_other(rest, order))


def evidence(cells: pa.Array) -> dict[Order, int]:
    """How many dates of a sample can be in one order only, by order; `UNKNOWN` counts those that fit two."""
    fields = _extract(plain(pc.drop_null(trimmed(cells))), NUMERIC)
    a, b, c = (numbers(fields[name]) for name in "abc")
    short = (lengths(fields["a"]) <= 2) & (lengths(fields["c"]) != 3)  # noqa: PLR2004 - digits of a year
    year_first = short & (a > 31) & (b <= MONTHS)  # noqa: PLR2004 - days of a month
    day_first = short & ~year_first & (a > MONTHS) & (b <= MONTHS)
    month_first = short & (b > MONTHS) & (a <= MONTHS)
    unknown = short & (a <= MONTHS) & (b <= MONTHS) & (a != b) & (c >= 0)
    found = {Order.YMD: year_first, Order.DMY: day_first, Order.MDY: month_first, Order.UNKNOWN: unknown}
    return {order: int(mask.sum()) for order, mask in found.items()}


def order_of(found: dict[Order, int]) -> Order:
    """The order that a sample's evidence shows."""
    sure = {order: count for order, count in found.items() if order is not Order.UNKNOWN and count}
    if not sure:
        return Order.UNKNOWN
    best = max(sure, key=lambda order: sure[order])
    return best if sure[best] >= MAJORITY * sum(sure.values()) else Order.BOTH


def _in_range(values: pa.Array) -> Mask:
    moments = pc.fill_null(values.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return np.asarray((moments >= FIRST) & (moments <= LAST), dtype=np.bool_)


def _usual(cells: pa.Array) -> Converted | None:
    """Cells of `2025-11-30 15:35:03` or `2025-11-30` alone; None where one is anything else.

    Arrow reads no other form of these lengths without a zone, so their form needs no look of ours.
    """
    found = np.diff(offsets_of(cells))
    if not ((found == DATE_TIME) | (found == DATE) | (found == 0)).all():
        return None
    return _as_arrow_reads(cells, zone=None)


def _as_arrow_reads(cells: pa.Array, zone: str | None) -> Converted | None:
    """All cells at once; None where one is no moment, or none of our years."""
    try:
        values = pc.cast(cells, pa.timestamp("us", zone)).view(MOMENT)
    except pa.ArrowInvalid:
        return None
    return Converted(values) if _in_range(values).all() else None


def _iso(cells: pa.Array, zone: str | None) -> Converted:
    """Cells that have the form of ISO 8601; a 30 February or a year 0 among them goes the long way, alone."""
    if (found := _as_arrow_reads(cells, zone)) is not None:
        return found
    there = _are_days(cells)
    if there.all():
        return _the_long_way(cells)
    return by_parts(cells, there, lambda part: _iso(part, zone), _the_long_way)


def _the_long_way(cells: pa.Array) -> Converted:
    return by_distinct(cells, lambda part: _other(part, Order.YMD))


def _are_days(cells: pa.Array) -> Mask:
    """Which cells, all of the form of ISO 8601, begin with a day that a calendar has, within our years; null does."""
    year, month, day = (numbers(pc.utf8_slice_codeunits(cells, *place)) for place in ((0, 4), (5, 7), (8, 10)))
    found, is_day = days_of(year, month, day)
    moments = found * DAY
    return (is_day & (moments >= FIRST) & (moments <= LAST - DAY)) | ~as_mask(cells.is_valid())


def _zoned_or_other(cells: pa.Array, order: Order) -> Converted:
    zoned = matching(cells, ISO_ZONED)
    return by_parts(
        cells, zoned, lambda part: _iso(part, zone="UTC"), lambda rest: by_distinct(rest, lambda d: _other(d, order))
    )


def _other(cells: pa.Array, order: Order) -> Converted:
    """Distinct cells in any other form, by their fields."""
    cells = plain(cells)
    moments = np.zeros(len(cells), dtype=np.int64)
    faults = np.full(len(cells), NUMBER["not_a_date"], dtype=np.int8)
    left = np.arange(len(cells))
    for form in FORMS:
        is_of_form = matching(cells.take(pa.array(left)), form)
        at, left = left[is_of_form], left[~is_of_form]
        if at.size:
            moments[at], faults[at] = _read(_extract(cells.take(pa.array(at)), form), order)
        if not left.size:
            break
    return Converted(pa.array(moments, pa.int64()).cast(MOMENT), faults)


def _read(fields: Fields, order: Order) -> tuple[Numbers, NDArray[np.int8]]:
    """The moments of cells of one form, and their faults; a faulty one's moment is 0."""
    ambiguous = _set_order(fields, order) if "a" in fields else np.zeros(len(fields["year"]), dtype=np.bool_)
    days, is_day = _days(fields)
    moments, is_time = moments_of(np.where(is_day, days, 0), fields)
    good = is_day & is_time & _is_one_mark(fields) & are_words(fields)
    faults = np.select([~good, ambiguous], [NUMBER["not_a_date"], NUMBER["ambiguous_date"]], 0)
    return np.where(good, moments, 0), faults.astype(np.int8)


def _extract(cells: pa.Array, pattern: str) -> Fields:
    """The named groups of a pattern, each a text column; empty where it did not match."""
    found = pc.extract_regex(cells, pattern)
    return dict(zip((field.name for field in found.type), found.flatten(), strict=True))


def _days(fields: Fields) -> Days:
    """By whatever the form has."""
    if "a" in fields:
        return days_of(fields["year"], fields["month"], fields["day"])
    year = full_years(fields["year"])
    if "week" in fields:
        return days_of_weeks(year, numbers(fields["week"]), numbers(fields["weekday"]))
    if "ordinal" in fields:
        return days_of_ordinals(year, numbers(fields["ordinal"]))
    month = fields.get("month")
    named = month_numbers(fields["name"], fields.get("point")) if month is None else numbers(month)
    return days_of(year, named, numbers(fields["day"]))


def _set_order(fields: Fields, order: Order) -> Mask:
    """Set `year`, `month`, `day` as numbers; says which dates the order leaves open."""
    a, b, c = (numbers(fields[name]) for name in "abc")
    by_order = (order is Order.YMD) & (lengths(fields["c"]) <= 2)  # noqa: PLR2004 - digits of a day
    year_first = (lengths(fields["a"]) > 2) | by_order  # noqa: PLR2004 - as above
    day_first = _day_first(a, b, fields["mark"], order)
    fields["day"] = np.where(year_first, c, np.where(day_first, a, b))
    fields["month"] = np.where(year_first | day_first, b, a)
    fields["year"] = np.where(year_first, full_years(fields["a"]), full_years(fields["c"]))
    open_question = (a <= MONTHS) & (b <= MONTHS) & (a != b) & ~year_first
    return open_question if order is Order.BOTH else np.zeros(a.size, dtype=np.bool_)


def _day_first(a: Numbers, b: Numbers, mark: pa.Array, order: Order) -> Mask:
    if order in {Order.DMY, Order.MDY}:
        return np.full(a.size, order is Order.DMY)
    sure = (a > MONTHS) | (b > MONTHS)
    return np.where(sure, a > MONTHS, as_mask(pc.starts_with(mark, ".")))


def _is_one_mark(fields: Fields) -> Mask | bool:
    """Whether the same mark stands between all parts of a date."""
    return as_mask(pc.equal(fields["mark"], fields["again"])) if "mark" in fields else True
