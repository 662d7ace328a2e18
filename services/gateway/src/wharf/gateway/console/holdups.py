"""Why a job that waits does not begin: its queue is paused, or nobody works on it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView
from wharf.gateway import workload
from wharf.gateway.workload import Item


@dataclass(frozen=True, slots=True)
class Holdup:
    """What holds it up, and until when."""

    title: str
    text: str


def holdup_of(connection: Connection, tenant_id: UUID, job: JobView) -> Holdup | None:
    """None where the job does not wait, or only for its turn."""
    if job.status is not Status.QUEUED:
        return None
    pause = workload.pause_of(connection, tenant_id, job.queue)
    if pause["paused"]:
        return _paused(job.queue, pause)
    if not workload.slots_of(connection, job.queue):
        return Holdup(f"No worker serves the queue {job.queue}", "The job begins when one is started.")
    return None


def _paused(queue: str, pause: Item) -> Holdup:
    by = " by the platform" if pause["paused_by"] == "platform" else ""
    why = f" The reason: {pause['pause_reason']}" if pause["pause_reason"] else ""
    return Holdup(f"The queue {queue} is paused{by}", f"The job begins when the queue goes on.{why}")
