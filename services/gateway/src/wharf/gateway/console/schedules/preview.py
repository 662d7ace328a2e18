"""A time that somebody is writing: in words, and when that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wharf.common.clock import now
from wharf.common.errors import Invalid, Problem
from wharf.common.schedules import in_words, next_runs, timing_of
from wharf.common.schedules.timing import LONGEST_SECONDS, SHORTEST_SECONDS


@dataclass(frozen=True, slots=True)
class Preview:
    """What it would mean from now on."""

    words: str
    runs: list[datetime]


def preview_of(cron: str | None, interval_seconds: str | None, time_zone: str) -> Preview:
    """Of a form's fields; raises `Invalid` with a sentence about what is wrong."""
    seconds = None if interval_seconds is None else _seconds(interval_seconds)
    timing = timing_of(cron, seconds, time_zone)
    begin = now()
    return Preview(in_words(cron, seconds), next_runs(timing, timing.after(begin, begin), time_zone))


def _seconds(text: str) -> int:
    if text.isascii() and text.isdigit() and SHORTEST_SECONDS <= int(text) <= LONGEST_SECONDS:
        return int(text)
    message = f"An interval is a whole number of seconds, from {SHORTEST_SECONDS} to {LONGEST_SECONDS}."
    problem = Problem("interval_seconds", "bad_timing", message)
    raise Invalid(message, code="bad_timing", problems=(problem,))
