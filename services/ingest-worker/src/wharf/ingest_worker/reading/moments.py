"""Moments in UTC by the parts of which a date and a time are written, all cells of a column at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.cells import as_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wharf.ingest_worker.reading.cells import Mask

    Numbers = NDArray[np.int64]
    Fields = dict[str, Any]
    Days = tuple[Numbers, Mask]

FIRST: Final = -62_135_596_800_000_000
"""The year 1, in microseconds; PostgreSQL has no year 0."""
LAST: Final = 253_402_300_799_999_999
MICROSECONDS: Final = 1_000_000
LAST_TWO_DIGIT_YEAR: Final = 68
MONTHS: Final = 12
WEEK: Final = 7


def days_of(year: Numbers, month: Numbers, day: Numbers) -> Days:
    """Days since 1970, and which of them a calendar has."""
    good = (year >= 1) & (month >= 1) & (month <= MONTHS) & (day >= 1)
    months = np.where(good, (year - 1970) * MONTHS + month - 1, 0).astype("datetime64[M]")
    first, after = _days(months), _days((months.astype(np.int64) + 1).astype("datetime64[M]"))
    return first + day - 1, good & (day <= after - first)


def days_of_ordinals(year: Numbers, number: Numbers) -> Days:
    """As `days_of`, by the day of the year."""
    first, after = _new_year(year), _new_year(year + 1)
    return first + number - 1, (year >= 1) & (number >= 1) & (number <= after - first)


def days_of_weeks(year: Numbers, week: Numbers, weekday: Numbers) -> Days:
    """As `days_of`, by the week of ISO 8601, of which a year has 52 or 53; Monday is 1."""
    first, after = _first_monday(year), _first_monday(year + 1)
    found = first + WEEK * (week - 1) + weekday - 1
    return found, (year >= 1) & (week >= 1) & (found < after)


def moments_of(days: Numbers, fields: Fields) -> tuple[Numbers, Mask]:
    """Microseconds since 1970 of days with a time, and which of them are times of a day and within our years."""
    seconds, good = _seconds(fields)
    zone, good_zone = _zone_seconds(fields["zone"]) if "zone" in fields else (0, True)
    found = (days * 86_400 + seconds - zone) * MICROSECONDS + _micros(fields)
    return found, good & good_zone & (found >= FIRST) & (found <= LAST)


def full_years(years: pa.Array) -> Numbers:
    """Two digits are a year of 1969 to 2068; one and three are none (0)."""
    number, digits = numbers(years), lengths(years)
    short = np.where(number <= LAST_TWO_DIGIT_YEAR, number + 2000, number + 1900)
    return np.select([digits == 4, digits == 2], [number, short], 0)  # noqa: PLR2004 - digits of a year


def numbers(texts: pa.Array) -> Numbers:
    """Digits as numbers; an absent group is 0."""
    filled = pc.fill_null(pc.if_else(pc.equal(texts, ""), "0", texts), "0")
    return np.asarray(pc.cast(filled, pa.int64()).to_numpy(zero_copy_only=False))


def lengths(texts: pa.Array) -> Numbers:
    """How many bytes each has."""
    return np.asarray(pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _days(dates: NDArray[np.datetime64]) -> Numbers:
    return dates.astype("datetime64[D]").astype(np.int64)


def _new_year(year: Numbers) -> Numbers:
    return _days((year - 1970).astype("datetime64[Y]"))


def _first_monday(year: Numbers) -> Numbers:
    """Of the week in which 4 January is; the first day of 1970 was a Thursday."""
    fourth = _new_year(year) + 3
    return fourth - (fourth + 3) % WEEK


def _seconds(fields: Fields) -> tuple[Numbers, Mask]:
    """Of the day; twelve-hour times by their half."""
    hour, minute, second = (numbers(fields[name]) for name in ("hour", "minute", "second"))
    good = (minute < 60) & (second < 60) & _is_one_mark(fields)  # noqa: PLR2004 - of an hour, of a minute
    if "half" not in fields:
        return hour * 3600 + minute * 60 + second, good & (hour < 24)  # noqa: PLR2004 - of a day
    twelve = lengths(fields["half"]) > 0
    good &= ~_is_doubtful(fields, twelve)
    good &= np.where(twelve, (hour >= 1) & (hour <= 12), hour < 24)  # noqa: PLR2004 - hours on a clock, of a day
    afternoon = as_mask(pc.starts_with(fields["half"], "p", ignore_case=True))
    hour = np.where(twelve, hour % 12 + 12 * afternoon, hour)
    return hour * 3600 + minute * 60 + second, good


def _is_doubtful(fields: Fields, twelve: Mask) -> Mask:
    """Whether what stands for a time may be something else.

    One digit alone may be anything; two digits of a year may be an hour, in `12 Nov 20:15` and `12 Nov 20 15`.
    """
    years = [lengths(fields[name]) for name in ("a", "c", "year") if isinstance(fields.get(name), pa.Array)]
    short = np.maximum.reduce(years) < 4  # noqa: PLR2004 - digits of a year
    bare = (lengths(fields["hour"]) > 0) & (lengths(fields["minute"]) == 0) & (lengths(fields["unit"]) == 0) & ~twelve
    found: Mask = (bare & (short | (lengths(fields["hour"]) == 1))) | (short & (lengths(fields["joint"]) > 0))
    return found


def _is_one_mark(fields: Fields) -> Mask | bool:
    """Whether the seconds stand behind the same mark as the minutes: `15:04.05` is no time."""
    if "same" not in fields:
        return True
    return as_mask(pc.or_(pc.equal(fields["same"], ""), pc.equal(fields["same"], fields["colon"])))


def _micros(fields: Fields) -> Numbers | int:
    """A fraction of a second, cut after six digits."""
    if "fraction" not in fields:
        return 0
    digits = fields["fraction"]
    if "millis" in fields:
        digits = pc.binary_join_element_wise(digits, fields["millis"], "")
    return numbers(pc.utf8_slice_codeunits(pc.utf8_rpad(digits, 6, "0"), 0, 6))


def _zone_seconds(zone: pa.Array) -> tuple[Numbers, Mask]:
    """East of UTC."""
    padded = pc.replace_substring_regex(zone, "([+-])([0-9])(:|$)", r"\10\2")
    digits = pc.replace_substring_regex(padded, "[^0-9]", "")
    hours, minutes = numbers(pc.utf8_slice_codeunits(digits, 0, 2)), numbers(pc.utf8_slice_codeunits(digits, 2, 4))
    sign = np.where(as_mask(pc.match_substring(zone, "-")), -1, 1)
    return sign * (hours * 3600 + minutes * 60), (hours < 24) & (minutes < 60)  # noqa: PLR2004 - as in a time
