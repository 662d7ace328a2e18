"""How the work went over time: what ended in each stretch, and how long jobs waited for a worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, text

from wharf.common.clock import now

TARGET_SECONDS: Final = 60.0
"""95 % of the jobs of normal priority begin within that time: deploy/observability/source/objectives.py."""
ENDED: Final = text("""
    SELECT date_bin(CAST(:width AS interval), finished_at, CAST(:since AS timestamptz)) AS at,
           count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           percentile_cont(0.95) WITHIN GROUP (
               ORDER BY CAST(greatest(extract(epoch FROM started_at - created_at), 0) AS double precision)) AS wait,
           CAST(sum(CAST(result ->> 'rows_read' AS bigint)) FILTER (WHERE kind = 'import' AND status = 'completed')
               AS bigint) AS rows
    FROM wharf.jobs WHERE finished_at >= :since AND part IS NULL
      AND (CAST(:project_id AS text) IS NULL OR project_id = :project_id)
    GROUP BY 1""")


class Range(StrEnum):
    """How far back."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"

    @property
    def width(self) -> timedelta:
        """Of one stretch."""
        return {"1h": timedelta(minutes=2), "24h": timedelta(minutes=30), "7d": timedelta(hours=4)}[self]

    @property
    def length(self) -> timedelta:
        """Of all."""
        return {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}[self]

    @property
    def words(self) -> str:
        """As a tab."""
        return {"1h": "Hour", "24h": "Day", "7d": "Week"}[self]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What ended in it. `wait`: seconds that 95 % of these jobs did not wait longer than."""

    at: datetime
    completed: int = 0
    failed: int = 0
    wait: float | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Trend:
    """The stretches, oldest first, none left out."""

    range: Range
    stretches: list[Stretch]

    @property
    def completed(self) -> int:
        """Jobs that came to a good end."""
        return sum(stretch.completed for stretch in self.stretches)

    @property
    def failed(self) -> int:
        """Jobs that did not."""
        return sum(stretch.failed for stretch in self.stretches)

    @property
    def success(self) -> float | None:
        """Percent of the jobs that ended well; None where none ended."""
        ended = self.completed + self.failed
        return 100.0 * self.completed / ended if ended else None

    @property
    def rows(self) -> int:
        """Rows that were imported."""
        return sum(stretch.rows for stretch in self.stretches)


def trend_of(connection: Connection, project_id: str | None, wanted: Range) -> Trend:
    """Of the transaction's tenant."""
    width = wanted.width
    until = now()
    since = until - wanted.length
    rows = connection.execute(ENDED, {"width": width, "since": since, "project_id": project_id}).mappings()
    found = {round((row["at"] - since) / width): dict(row) for row in rows}
    return Trend(wanted, [_stretch(since + nth * width, found.get(nth)) for nth in range(wanted.length // width)])


def _stretch(at: datetime, row: dict[str, Any] | None) -> Stretch:
    said = {name: value for name, value in (row or {}).items() if value is not None}
    return Stretch(**said | {"at": at})
