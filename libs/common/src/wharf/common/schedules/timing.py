"""When a schedule's occurrences are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Protocol
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, StringConstraints

from wharf.common.errors import Invalid, Problem
from wharf.common.nearnames import hint
from wharf.common.schedules.cron import Cron

SHORTEST_SECONDS = 1
LONGEST_SECONDS = 366 * 86_400
NO_ZONES = frozenset({"localtime", "Factory"})
"""Names among the zones that mean another thing on each machine, or nothing."""
WINDOWS = tuple(timedelta(hours=hours) for hours in (2, 24, 7 * 24, 31 * 24, 366 * 24))


class Timing(Protocol):
    """Occurrences as moments in UTC."""

    def after(self, moment: datetime, anchor: datetime) -> datetime:
        """The first one later than `moment`. `anchor` is one of them, or the schedule's beginning."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so many seconds of elapsed time, whatever the clocks do."""

    seconds: int

    def after(self, moment: datetime, anchor: datetime) -> datetime:
        """The first one later than `moment`, whole intervals from `anchor`."""
        step = timedelta(seconds=self.seconds)
        return anchor + ((moment - anchor) // step + 1) * step


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - NO_ZONES


def zone_names() -> list[str]:
    """All of them."""
    return sorted(_zones())


def zone_named(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises `Invalid` (`unknown_time_zone`), which names the near ones."""
    if name not in _zones():
        message = f"There is no time zone {name[:60]!r}. {hint(name[:60], sorted(_zones()))}"
        raise Invalid(message, code="unknown_time_zone", problems=(Problem("time_zone", "unknown_time_zone", message),))
    return ZoneInfo(name)


def _known(name: str) -> str:
    try:
        return zone_named(name).key
    except Invalid as error:
        raise ValueError(error.message) from None


ZoneName = Annotated[str, StringConstraints(max_length=60), AfterValidator(_known)]
"""The name of an IANA zone, in what is declared or set."""


def timing_of(cron: str | None, interval_seconds: int | None, time_zone: str) -> Timing:
    """From what a schedule says; raises `Invalid` with the field that is wrong."""
    zone = zone_named(time_zone)
    if (cron is None) == (interval_seconds is None):
        message = "Say when: either cron or interval_seconds."
        raise Invalid(message, code="bad_timing", problems=(Problem("cron", "bad_timing", message),))
    return Interval(interval_seconds) if interval_seconds is not None else Cron.parse(str(cron), zone)


def between(timing: Timing, since: datetime, until: datetime, most: int) -> list[datetime]:
    """The occurrences from `since`, which is one, up to `until`; the latest `most` where there are more."""
    for window in WINDOWS:
        begin = max(until - window, since - timedelta(microseconds=1))
        found = _between(timing, begin, until, since)
        if len(found) >= most or begin < since:
            break
    return found[-most:] or [since]


def _between(timing: Timing, begin: datetime, until: datetime, anchor: datetime) -> list[datetime]:
    found = []
    while (begin := timing.after(begin, anchor)) <= until:
        found.append(begin)
    return found


def next_runs(timing: Timing, first: datetime, time_zone: str, number: int = 5) -> list[datetime]:
    """The next occurrences, `first` being the first of them, with the zone's offset at each."""
    runs = [first.astimezone(UTC)]
    while len(runs) < number:
        runs.append(timing.after(runs[-1], runs[0]))
    zone = zone_named(time_zone)
    return [run.astimezone(zone) for run in runs]
