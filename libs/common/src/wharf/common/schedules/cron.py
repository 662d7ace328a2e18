"""Cron expressions in a time zone: five fields, wall-clock times, daylight saving as people expect it.

A time that a zone skips in spring is the first moment after the gap. One that comes twice in autumn is the first of
the two. An expression for every hour means elapsed hours instead: it neither piles up after a gap nor rests for the
repeated hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from wharf.common.errors import Invalid, Problem

LONGEST = 200
"""Characters of an expression: far more than any sensible one has, and little to read."""
PLAIN = re.compile(r"[0-9A-Za-z*,/#-]+")
FIELDS = (
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of month", "1-31, or L for the last"),
    ("month", "1-12 or JAN-DEC"),
    ("day of week", "0-7 or SUN-SAT, 0 and 7 are Sunday"),
)
FULL = ("0-59", "0-23")
"""What a star stands for in the first two fields."""
EVERY_HOUR = frozenset(range(24))
NO_MINUTE = 60
SOME_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - only to read an expression, which has no zone


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that was read, and the zone whose clock it means."""

    expression: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, expression: str, zone: ZoneInfo) -> Cron:
        """Read it. Raises `Invalid` (`bad_cron`) with the field that is wrong, or where it never comes."""
        fields = expression.split()
        if len(expression) > LONGEST or len(fields) != len(FIELDS):
            raise _bad(
                f"A cron expression has five fields: minute, hour, day of month, month, day of week{_seen(fields)}."
            )
        for nth, field in enumerate(fields):
            _check(nth, field)
        cron = cls(" ".join(fields).upper(), zone)
        cron.after(datetime(2000, 1, 1, tzinfo=UTC))
        return cron

    def after(self, moment: datetime, anchor: datetime | None = None) -> datetime:  # noqa: ARG002 - for intervals
        """The first occurrence later than `moment`, in UTC. Raises `Invalid` (`bad_cron`) where there is none."""
        start = moment.astimezone(self.zone)
        found = self._first(start, leaps=True)
        if found is not None and found.utcoffset() != start.utcoffset():
            # The clock changes on the way. With a single minute the library leaps by the hour, and may leap too far.
            found = self._first(start, leaps=False)
        if found is None:
            raise _bad(f"{self.expression!r} never comes: no month of it has such a day.")
        return found.astimezone(UTC)

    def _first(self, start: datetime, *, leaps: bool) -> datetime | None:
        moment = start.astimezone(UTC)
        # A clock that goes back shows some times twice: what it shows next is not always later.
        return next((found for found in self._matches(start, leaps=leaps) if found.astimezone(UTC) > moment), None)

    def _matches(self, start: datetime, *, leaps: bool) -> Iterator[datetime]:
        try:
            elapsed = CronSim(self.expression, SOME_DAY).hours >= EVERY_HOUR
            matches = CronSim(_by_the_hour(self.expression) if elapsed else _by_the_clock(self.expression), start)
        except CronSimError:
            return
        if elapsed and not leaps:
            matches.minutes = matches.minutes | {NO_MINUTE}
        yield from matches


def _check(nth: int, field: str) -> None:
    fields = ["*"] * len(FIELDS)
    fields[nth] = field
    try:
        if PLAIN.fullmatch(field):
            CronSim(" ".join(fields), SOME_DAY)
            return
    except CronSimError:
        pass
    name, allowed = FIELDS[nth]
    raise _bad(f"The {name} {field[:40]!r} cannot be read. It takes {allowed}; with * , - and / as in 1-5 or */2.")


def _by_the_clock(expression: str) -> str:
    """Ranges for stars: the library takes a star at the beginning for a job that has no time of its own."""
    return " ".join(_without_star(nth, field) for nth, field in enumerate(expression.split()))


def _without_star(nth: int, field: str) -> str:
    return ",".join(re.sub(r"^\*", FULL[nth], term) for term in field.split(",")) if nth < len(FULL) else field


def _by_the_hour(expression: str) -> str:
    minute, _hour, *days = expression.split()
    return " ".join((minute, "*", *days))


def _seen(fields: list[str]) -> str:
    return "" if len(fields) == len(FIELDS) else f"; this has {len(fields)}. Seconds are not among them"


def _bad(message: str) -> Invalid:
    return Invalid(message, code="bad_cron", problems=(Problem("cron", "bad_cron", message),))
