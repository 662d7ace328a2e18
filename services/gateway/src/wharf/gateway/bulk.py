"""One action on all jobs that a filter finds, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from wharf.common.jobs.bulk import Action, act, count
from wharf.common.jobs.view import JobView
from wharf.common.ledger.models import Job
from wharf.gateway import audit
from wharf.gateway.authentication import Member
from wharf.gateway.jobs import JobFilter, count_end
from wharf.gateway.resources import Resources

MOST_CHUNKS = 100
"""Of one request: what is left, its answer tells, and the next request does."""
MOST_TOLD = 1000
"""Jobs whose watchers hear of it at once; the others' snapshots end within half a minute."""


def count_matching(resources: Resources, member: Member, action: Action, wanted: JobFilter) -> int:
    """Jobs that match and whose state allows the action."""
    with resources.database.tenant(member.tenant_id) as connection:
        return count(connection, action, wanted.conditions())


def act_on_matching(resources: Resources, member: Member, action: Action, wanted: JobFilter) -> tuple[int, int]:
    """How many match, and to how many it was done: to jobs that came meanwhile it is not."""
    with resources.database.tenant(member.tenant_id) as connection:
        begun = connection.execute(select(func.now())).scalar_one()
        conditions = [*wanted.conditions(), Job.created_at <= begun]
        matched = count(connection, action, conditions)
    done = 0
    for changed in _chunks(resources, member, action, conditions):
        for job in changed:
            count_end(job, member)
        for job in changed[: max(MOST_TOLD - done, 0)]:
            resources.feed.tell(job, member.tenant_id)
        done += len(changed)
    return max(matched, done), done


def _chunks(
    resources: Resources, member: Member, action: Action, conditions: list[ColumnElement[bool]]
) -> Iterator[list[JobView]]:
    past: UUID | None = None
    for _ in range(MOST_CHUNKS):
        with resources.database.tenant(member.tenant_id) as connection:
            past, changed = act(connection, action, conditions, past)
            if changed:
                ids = [job.job_id for job in changed]
                audit.note(connection, member, f"jobs.{action}", f"{len(ids)} jobs", after={"job_ids": ids})
        yield changed
        if past is None:
            return
