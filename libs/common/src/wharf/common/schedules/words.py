"""A schedule's times as a sentence."""

from __future__ import annotations

import re

from cronsim import CronSim

from wharf.common.schedules.cron import SOME_DAY

TIMES = re.compile(r"At (?P<times>\d\d:\d\d.*?) (?P<days>(?:every day|on ).*)")
WEEKDAYS = re.compile(r"^on (?=(?:Sun|Mon|Tues|Wednes|Thurs|Fri|Satur)day)")
UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def in_words(cron: str | None, interval_seconds: int | None) -> str:
    """Such as `every Monday at 08:00` or `every 15 minutes`."""
    return _of_cron(cron) if cron is not None else _of_interval(interval_seconds or 0)


def _of_cron(expression: str) -> str:
    said: str = CronSim(expression, SOME_DAY).explain()
    if found := TIMES.fullmatch(said):
        return f"{WEEKDAYS.sub('every ', found['days'])} at {found['times']}"
    return said[:1].lower() + said[1:]


def _of_interval(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
    number = seconds // size
    return f"every {unit}" if number == 1 else f"every {number} {unit}s"
