"""Dates and times as people write them, to moments in UTC; a time without a zone is in UTC.

ISO 8601 in all its usual forms; day, month and year in any order with `/`, `.` or `-`; English month names
(`12/Nov/25 3:14 PM`). Two-digit years mean 1969 to 2068. A year of four digits in front is always followed by
month and day. For the rest the column's order decides; where the sample gave none (no number above 12), dates
with dots are read day first and others month first, and the plan warns.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.cells import Converted, as_mask, by_distinct, by_parts, matching, trimmed
from wharf.ingest_worker.reading.reasons import NUMBER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Fields = dict[str, Any]


class Order(StrEnum):
    """In which order a column writes its dates. `BOTH`: the sample shows the two; `UNKNOWN`: it shows none."""

    MDY = "MDY"
    DMY = "DMY"
    YMD = "YMD"
    BOTH = "both"
    UNKNOWN = "unknown"


MOMENT: Final = pa.timestamp("us", "UTC")
FIRST: Final = -62_135_596_800_000_000
"""The year 1, in microseconds; PostgreSQL has no year 0."""
LAST: Final = 253_402_300_799_999_999
MICROSECONDS: Final = 1_000_000
LAST_TWO_DIGIT_YEAR: Final = 68
MONTHS: Final = 12
MAJORITY: Final = 0.95
"""An order that nearly all dates of the sample need is the file's; the others are mistakes."""

ISO: Final = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
)
ISO_NAIVE: Final = ISO + ")?$"
ISO_ZONED: Final = ISO + r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]))$"

TIME: Final = (
    r"(?:(?:T|,? +|,)(?P<hour>[0-9]{1,2})(?:[:.](?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?)?)? ?(?P<half>[AaPp]\.?[Mm]\.?)?"
    r" ?(?P<zone>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
NAMES: Final = (
    "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
WEEKDAY: Final = r"^(?:(?i:mon|tue|wed|thu|fri|sat|sun)[a-zA-Z]*[.,]* )?"
DAY: Final = "(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
NUMERIC: Final = r"^(?P<a>[0-9]{1,4})(?P<mark>[/.\-])(?P<b>[0-9]{1,2})(?P<again>[/.\-])(?P<c>[0-9]{1,4})" + TIME
NAMED: Final = (
    rf"{WEEKDAY}{DAY}[ /.\-]+(?P<name>{NAMES})[ /.,\-]+(?P<year>[0-9]{{4}}|[0-9]{{2}}){TIME}",
    rf"{WEEKDAY}(?P<name>{NAMES})\.? {DAY},? (?P<year>[0-9]{{4}}){TIME}",
    rf"^(?P<year>[0-9]{{4}})[ /\-](?P<name>{NAMES})[ /\-](?P<day>[0-9]{{1,2}}){TIME}",
)
COMPACT: Final = (
    r"^(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?:T?(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})?(?P<zone>Z|[+-][0-9]{4})?)?$"
)
THREE_LETTERS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def timestamps(cells: pa.Array, order: Order) -> Converted:
    """Text cells to timestamps in UTC, of microseconds. Faults: `not_a_date`, `ambiguous_date`."""
    found = trimmed(cells)
    naive = matching(found, ISO_NAIVE) | ~as_mask(found.is_valid())
    return by_parts(found, naive, lambda part: _iso(part, zone=None), lambda rest: _zoned_or_other(rest, order))


def evidence(cells: pa.Array) -> dict[Order, int]:
    """How many dates of a sample can be in one order only, by order; `UNKNOWN` counts those that fit two."""
    fields = _extract(pc.drop_null(trimmed(cells)), NUMERIC)
    a, b, c = (_numbers(fields[name]) for name in "abc")
    short = (_lengths(fields["a"]) <= 2) & (_lengths(fields["c"]) != 3)  # noqa: PLR2004 - digits of a year
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


def _in_range(values: pa.Array) -> NDArray[np.bool_]:
    moments = pc.fill_null(values.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return np.asarray((moments >= FIRST) & (moments <= LAST), dtype=np.bool_)


def _iso(cells: pa.Array, zone: str | None) -> Converted:
    """Cells that have the form of ISO 8601; a 30 February or a year 0 among them sends them the long way."""
    try:
        values = pc.cast(cells, pa.timestamp("us", zone)).view(MOMENT)
    except pa.ArrowInvalid:
        return by_distinct(cells, lambda part: _other(part, Order.YMD))
    return Converted(values) if _in_range(values).all() else by_distinct(cells, lambda part: _other(part, Order.YMD))


def _zoned_or_other(cells: pa.Array, order: Order) -> Converted:
    zoned = matching(cells, ISO_ZONED)
    return by_parts(
        cells, zoned, lambda part: _iso(part, zone="UTC"), lambda rest: by_distinct(rest, lambda d: _other(d, order))
    )


def _other(cells: pa.Array, order: Order) -> Converted:
    """Distinct cells in any other form, by their fields."""
    moments = np.zeros(len(cells), dtype=np.int64)
    faults = np.full(len(cells), NUMBER["not_a_date"], dtype=np.int8)
    for pattern in (NUMERIC, *NAMED, COMPACT):
        at = np.flatnonzero((faults != 0) & matching(cells, pattern))
        if not at.size:
            continue
        fields = _extract(cells.take(pa.array(at)), pattern)
        ambiguous = _date_fields(fields, order)
        moments[at], good = _moments(fields)
        faults[at] = np.where(good, 0, NUMBER["not_a_date"])
        faults[at[good & ambiguous]] = NUMBER["ambiguous_date"]
    return Converted(pa.array(moments, pa.int64()).cast(MOMENT), faults)


def _extract(cells: pa.Array, pattern: str) -> Fields:
    """The named groups of a pattern, each a text column; empty where it did not match."""
    found = pc.extract_regex(cells, pattern)
    return dict(zip((field.name for field in found.type), found.flatten(), strict=True))


def _date_fields(fields: Fields, order: Order) -> NDArray[np.bool_]:
    """Set `year`, `month`, `day` as numbers; says which dates the order leaves open."""
    if "a" in fields:
        return _ordered(fields, order)
    fields["day"] = _numbers(fields["day"])
    month = fields.get("month")
    fields["month"] = _numbers(month) if month is not None else _month_numbers(fields["name"])
    fields["year"] = _full_years(fields["year"])
    return np.zeros(fields["day"].size, dtype=np.bool_)


def _ordered(fields: Fields, order: Order) -> NDArray[np.bool_]:
    a, b, c = (_numbers(fields[name]) for name in "abc")
    by_order = (order is Order.YMD) & (_lengths(fields["c"]) <= 2)  # noqa: PLR2004 - digits of a day
    year_first = (_lengths(fields["a"]) > 2) | by_order  # noqa: PLR2004 - as above
    day_first = _day_first(a, b, fields["mark"], order)
    fields["day"] = np.where(year_first, c, np.where(day_first, a, b))
    fields["month"] = np.where(year_first | day_first, b, a)
    fields["year"] = np.where(year_first, _full_years(fields["a"]), _full_years(fields["c"]))
    fields["month"][_texts(fields["mark"]) != _texts(fields["again"])] = 0
    open_question = (a <= MONTHS) & (b <= MONTHS) & (a != b) & ~year_first
    return open_question if order is Order.BOTH else np.zeros(a.size, dtype=np.bool_)


def _day_first(a: Numbers, b: Numbers, mark: pa.Array, order: Order) -> NDArray[np.bool_]:
    if order in {Order.DMY, Order.MDY}:
        return np.full(a.size, order is Order.DMY)
    sure = (a > MONTHS) | (b > MONTHS)
    return np.where(sure, a > MONTHS, as_mask(pc.equal(mark, ".")))


def _moments(fields: Fields) -> tuple[Numbers, NDArray[np.bool_]]:
    """Microseconds since 1970, and which of them are real dates and times."""
    year, month, day = fields["year"], fields["month"], fields["day"]
    good = (year >= 1) & (month >= 1) & (month <= MONTHS) & (day >= 1)
    months = np.where(good, (year - 1970) * MONTHS + month - 1, 0).astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    good &= day <= (months + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64) - first
    seconds, good_time = _seconds(fields)
    zone, good_zone = _zone_seconds(fields["zone"])
    found = ((first + day - 1) * 86_400 + seconds - zone) * MICROSECONDS + _micros(fields)
    good &= good_time & good_zone & (found >= FIRST) & (found <= LAST)
    return np.where(good, found, 0), good


def _seconds(fields: Fields) -> tuple[Numbers, NDArray[np.bool_]]:
    """Of the day; twelve-hour times by their half."""
    hour, minute, second = (_numbers(fields[name]) for name in ("hour", "minute", "second"))
    good = (minute < 60) & (second < 60)  # noqa: PLR2004 - of an hour, of a minute
    halved = _texts(fields["half"]) if "half" in fields else np.full(hour.size, "")
    twelve = halved != ""
    good &= np.where(twelve, (hour >= 1) & (hour <= 12), hour < 24)  # noqa: PLR2004 - hours on a clock, of a day
    afternoon = np.char.startswith(np.char.lower(halved), "p")
    hour = np.where(twelve, hour % 12 + 12 * afternoon, hour)
    return hour * 3600 + minute * 60 + second, good


def _micros(fields: Fields) -> Numbers | int:
    """A fraction of a second, cut after six digits."""
    if "fraction" not in fields:
        return 0
    return _numbers(pc.utf8_slice_codeunits(pc.utf8_rpad(fields["fraction"], 6, "0"), 0, 6))


def _zone_seconds(zone: pa.Array) -> tuple[Numbers, NDArray[np.bool_]]:
    """East of UTC."""
    digits = pc.replace_substring_regex(zone, "[^0-9]", "")
    hours, minutes = _numbers(pc.utf8_slice_codeunits(digits, 0, 2)), _numbers(pc.utf8_slice_codeunits(digits, 2, 4))
    sign = np.where(as_mask(pc.starts_with(zone, "-")), -1, 1)
    return sign * (hours * 3600 + minutes * 60), (hours < 24) & (minutes < 60)  # noqa: PLR2004 - as in a time


def _full_years(years: pa.Array) -> Numbers:
    """Two digits are a year of 1969 to 2068; one and three are none (0)."""
    numbers, lengths = _numbers(years), _lengths(years)
    short = np.where(numbers <= LAST_TWO_DIGIT_YEAR, numbers + 2000, numbers + 1900)
    return np.select([lengths == 4, lengths == 2], [numbers, short], 0)  # noqa: PLR2004 - digits of a year


def _month_numbers(names: pa.Array) -> Numbers:
    short = pc.utf8_slice_codeunits(pc.ascii_lower(names), 0, 3)
    found = pc.index_in(short, pa.array(THREE_LETTERS))
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64) + 1


def _numbers(texts: pa.Array) -> Numbers:
    """Digits as numbers; an absent group is 0."""
    filled = pc.fill_null(pc.if_else(pc.equal(texts, ""), "0", texts), "0")
    return np.asarray(pc.cast(filled, pa.int64()).to_numpy(zero_copy_only=False))


def _lengths(texts: pa.Array) -> Numbers:
    return np.asarray(pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _texts(texts: pa.Array) -> NDArray[np.str_]:
    return np.asarray(texts.to_pylist(), dtype=np.str_)
