"""Schedules: when work begins by itself, of which kind it may be, and which of it is built in."""

from __future__ import annotations

from wharf.common.schedules.builtin import BUILTIN, Builtin
from wharf.common.schedules.cron import Cron
from wharf.common.schedules.policies import Misfire, Outcome, Overlap
from wharf.common.schedules.timing import Interval, Timing, ZoneName, next_runs, timing_of, zone_named
from wharf.common.schedules.words import in_words
from wharf.common.schedules.work import SCHEDULABLE, Schedulable, schedulable

__all__ = [
    "BUILTIN",
    "SCHEDULABLE",
    "Builtin",
    "Cron",
    "Interval",
    "Misfire",
    "Outcome",
    "Overlap",
    "Schedulable",
    "Timing",
    "ZoneName",
    "in_words",
    "next_runs",
    "schedulable",
    "timing_of",
    "zone_named",
]
