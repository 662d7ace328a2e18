"""The job `cleanup`: every class in its turn; what it removed, or would remove, by class."""

from __future__ import annotations

import time
from typing import Any

from wharf.common.jobs.kinds import CleanupPayload
from wharf.common.runtime.context import JobContext
from wharf.scheduler.housekeeping import deliveries, files, history, imports, strays
from wharf.scheduler.housekeeping.course import Chore, Course, OutOfTime
from wharf.scheduler.housekeeping.retention import Retention

CHORES: tuple[Chore, ...] = (*history.CHORES, *deliveries.CHORES, *imports.CHORES, *files.CHORES, *strays.CHORES)
"""The ledger's first: a storage that is away holds up nothing but its own."""


def run_cleanup(context: JobContext[CleanupPayload], *, keep: Retention, seconds: float) -> dict[str, Any]:
    """Remove what is kept for a time only, for at most `seconds`; what is left is the next run's.

    Gives `{dry_run, complete, left_off: {class: place}, removed: {class: items}, bytes: {class: bytes},
    partitions_made, missing, seconds}`. An error of the storage ends it as a transient one: it goes on from there, and
    so does the run of the next day.
    """
    started = time.monotonic()
    course = Course(context, keep, ends_at=started + seconds, classes=len(CHORES))
    course.resume()
    try:
        for chore in CHORES:
            if chore.name not in course.done:
                course.begin(chore.name)
                chore.run(course)
                course.finish(chore.name)
    except OutOfTime:
        context.log("warning", "cleanup.out_of_time", at=course.done[-1:])
    return _result(course, round(time.monotonic() - started, 3))


def _result(course: Course, seconds: float) -> dict[str, Any]:
    total, complete = sum(course.removed.values()), {chore.name for chore in CHORES} <= {*course.done}
    verb = "would be removed" if course.is_trial else "are gone"
    message = f"{total:,} things that were kept for a time only {verb}."
    course.context.report(len(CHORES), len(CHORES), stage="done", message=message, percent=100.0)
    removed = {name: count for name, count in course.removed.items() if name != "missing"}
    course.context.log("info", "cleanup.done", dry_run=course.is_trial, complete=complete, removed=removed)
    return {
        "dry_run": course.is_trial,
        "complete": complete,
        "left_off": course.left_off,
        "removed": removed,
        "bytes": course.sizes,
        "partitions_made": course.partitions_made,
        "missing": {"count": course.missing, "examples": course.examples},
        "seconds": seconds,
    }
