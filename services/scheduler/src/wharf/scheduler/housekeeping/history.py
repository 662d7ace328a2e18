"""What belongs to no tenant's data: occurrences of schedules, months of attempts and lines.

Answers, workers and staging tables are not kept until the night: the dispatcher's sweep has them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from wharf.common.runtime.transients import sqlstate
from wharf.scheduler.housekeeping.course import BATCH, Batched, Course, Cut
from wharf.scheduler.housekeeping.retention import Retention

AHEAD_MONTHS = 3
TRIES = 5
PAUSE_SECONDS = 0.3
LOCK_NOT_AVAILABLE = "55P03"
FORGET = text("SELECT wharf.forget(:what, make_interval(days => :days), :most, :trial)")
MAKE = text("SELECT wharf.make_partitions(:months)")
DROP = text("SELECT partitions, lines FROM wharf.drop_partition(:of, make_interval(days => :days), :trial)")


def _forget(course: Course, connection: Connection, what: str, days: int) -> Cut:
    values = {"what": what, "days": days, "most": BATCH, "trial": course.is_trial}
    found = int(connection.execute(FORGET, values).scalar_one())
    return Cut(found, more=found >= BATCH)


def _forget_runs(course: Course, connection: Connection) -> Cut:
    return _forget(course, connection, "schedule_runs", course.keep.runs)


@dataclass(frozen=True)
class Months:
    """A table in monthly partitions: made ahead, and dropped whole when all that is in one is old."""

    name: str
    table: str
    kept: str
    """The name of its retention."""

    def run(self, course: Course) -> None:
        """First those that are to come: without them work goes on, but in the rest."""
        if not course.is_trial:
            self._make(course)
        while self._drop(course) and not course.is_trial:
            pass
        days = self._days(course.keep)
        rest = Batched(
            self.name, lambda course, connection: _forget(course, connection, self.name, days), in_tenants=False
        )
        rest.run(course)

    def _days(self, keep: Retention) -> int:
        return int(getattr(keep, self.kept))

    def _make(self, course: Course) -> None:
        def make(connection: Connection) -> int:
            made = int(connection.execute(MAKE, {"months": AHEAD_MONTHS}).scalar_one())
            course.partitions_made += made
            return made

        self._where_free(course, make)

    def _drop(self, course: Course) -> bool:
        def drop(connection: Connection) -> int:
            values = {"of": self.table, "days": self._days(course.keep), "trial": course.is_trial}
            found = connection.execute(DROP, values).one()
            course.count(self.name, found.lines)
            return int(found.partitions)

        return self._where_free(course, drop) > 0

    def _where_free(self, course: Course, act: Callable[[Connection], int]) -> int:
        """Nobody waits for housekeeping: where somebody uses the table for longer, it is the next run's."""
        for _ in range(TRIES):
            try:
                with course.transaction(None) as connection:
                    return act(connection)
            except DBAPIError as error:
                if sqlstate(error) != LOCK_NOT_AVAILABLE:
                    raise
            time.sleep(PAUSE_SECONDS)
        course.context.log("warning", "cleanup.table_in_use", table=self.table)
        return 0


CHORES = (
    Batched("schedule_runs", _forget_runs, in_tenants=False),
    Months("attempts", "attempts", "attempts"),
    Months("log_lines", "job_logs", "logs"),
)
"""In this order."""
