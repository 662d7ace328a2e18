"""What the ledger says of the jobs that a stream shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from wharf.common.clock import now
from wharf.common.jobs.view import JobView
from wharf.common.ledger.database import Database
from wharf.gateway.authentication import Member
from wharf.gateway.jobs import find_job, live_jobs
from wharf.gateway.readings import Readings

MOST_SHOWN = 1000
"""Jobs in the picture of a tenant; the list has them all."""
OVERLAP = timedelta(seconds=30)
"""How far back a picture looks for jobs that ended: clocks of gateway and ledger may differ."""


@dataclass(frozen=True, slots=True)
class Pictured:
    """A job, and itself as JSON, written once for all who are told."""

    view: JobView
    data: bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """What the ledger knew; the next one has to look for jobs that ended from `next_since` on."""

    jobs: tuple[Pictured, ...] = ()
    next_since: datetime | None = None


class Pictures:
    """Taken once for all streams that show the same to the same."""

    def __init__(self, database: Database, readings: Readings) -> None:
        self._database = database
        self._readings = readings

    async def look(self, member: Member, job_id: UUID | None, since: datetime | None, not_before: float) -> Picture:
        """What was so at `not_before` (of the monotonic clock) or later.

        Of a tenant: the jobs that go on, and those that ended `since`. Raises `NotFound` where the one job is gone.
        """
        subject = ("picture", member.tenant_id, member.project_id, job_id)
        return await self._readings.look(subject, since, not_before, partial(self._take, member, job_id))

    def _take(self, member: Member, job_id: UUID | None, since: datetime | None) -> Picture:
        begun = now()
        with self._database.tenant(member.tenant_id) as connection:
            if job_id is not None:
                views = [find_job(connection, member, job_id)]
            else:
                views = live_jobs(connection, member, since, MOST_SHOWN)
        return Picture(tuple(Pictured(view, view.model_dump_json().encode()) for view in views), begun - OVERLAP)
