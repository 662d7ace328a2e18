"""The jobs that read a large file for another one, side by side: how they are ordered, and what they have found.

All write into one staging table, or hide their rows in the dataset under one import. The job that divided the file
waits until they have ended, and merges what they brought as if it had read the file by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, select

from wharf.common.clock import new_id
from wharf.common.errors import Invalid, Permanent, Waits, WharfError
from wharf.common.jobs.kinds import IMPORT_PART, ImportPartPayload
from wharf.common.jobs.results import whole
from wharf.common.jobs.states import ENDED, Status
from wharf.common.jobs.submission import Order, write_jobs
from wharf.common.ledger.models import Job
from wharf.common.queues import Queue
from wharf.ingest_worker import unfinished
from wharf.ingest_worker.checkpoint import Checkpoint, Parts
from wharf.ingest_worker.reading.numbering import Carry

if TYPE_CHECKING:
    from wharf.ingest_worker.division import Part
    from wharf.ingest_worker.loading import Context, Loading

KNOWN = frozenset({"plan", "profile", "parts", "result"})
"""What a part need not tell: the job that divided the file knows it."""


def order_parts(connection: Connection, context: Context, parts: Sequence[Part]) -> Parts:
    """Write a job for each part of the file."""
    division = Parts(generation=new_id(), count=len(parts))
    write_jobs(connection, [_order(context, division, number, part) for number, part in enumerate(parts, 1)])
    return division


def _order(context: Context, division: Parts, number: int, part: Part) -> Order:
    job, (begin, end) = context.view, part
    place = (begin.byte_offset, begin.line, begin.record)
    own = {"generation": division.generation, "begin": place, "end": end}
    return Order(
        tenant_id=context.tenant_id,
        project_id=job.project_id,
        kind=IMPORT_PART,
        payload=ImportPartPayload.model_validate(context.payload.model_dump() | own),
        priority=job.priority,
        label=f"{job.label}, part {number} of {division.count}",
        parent_id=job.job_id,
        part=number,
        request_id=structlog.contextvars.get_contextvars().get("request_id"),
        queue=Queue(job.queue),
    )


def told(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a part has found, for the job that waits for it."""
    found = checkpoint.model_dump(mode="json", exclude=set(KNOWN))
    return {"rows_read": checkpoint.read, "rejected": checkpoint.rejected, "loaded": found}


def gathered(connection: Connection, loading: Loading) -> Checkpoint | None:
    """What all parts of the file have loaded; None where it is not all there, and the file is to be read again.

    Raises `Waits` while one has not ended, and the error of one that failed.
    """
    parts = _ended_parts(connection, loading)
    first = loading.checkpoint.model_copy(update={"parts": None})
    if parts is None:
        return None
    found = [first.model_validate(first.to_json() | part["loaded"]) for part in parts]
    joined = reduce(Checkpoint.joined, found, first)
    apart = _stand_apart(found)
    numbered, told = apart and all(one.numbered for one in found), apart and joined.told
    joined = joined.model_copy(update={"numbered": numbered, "told": told, "complete": True, "carries": {}})
    return _as_it_is_now(connection, loading, joined)


def _as_it_is_now(connection: Connection, loading: Loading, joined: Checkpoint) -> Checkpoint | None:
    """Some parts may not have seen that the rows were moved into staging."""
    if joined.direct is None:
        return joined
    hidden = unfinished.find(connection, loading.context.payload.import_id)
    if hidden is None:
        return None
    if not hidden.moved:
        return joined
    unfinished.end(connection, hidden.import_id)
    return joined.turned_to_staging()


def _ended_parts(connection: Connection, loading: Loading) -> list[dict[str, Any]] | None:
    division = loading.checkpoint.parts
    query = select(Job.id, Job.status, Job.result, Job.error, Job.payload).order_by(Job.part)
    rows = connection.execute(query.where(Job.parent_id == loading.context.job_id, Job.part.is_not(None))).all()
    if any(row.status not in ENDED for row in rows):
        raise Waits
    rows = [row for row in rows if division and row.payload["generation"] == str(division.generation)]
    for row in rows:
        if row.status == Status.FAILED:
            raise _for_the_whole(row.error)
    complete = division is not None and [row.status for row in rows] == [Status.COMPLETED] * division.count
    context = loading.context
    return [whole(context.storage, context.tenant_id, row.id, row.result) for row in rows] if complete else None


def _for_the_whole(error: dict[str, Any]) -> WharfError:
    """A part's error, as the job's that divided the file: it was tried as often as it may be."""
    said = Invalid if error.get("cause") == Invalid.cause else Permanent
    return said(error["message"], code=error["code"], detail=error["detail"])


def _stand_apart(found: Sequence[Checkpoint]) -> bool:
    """Whether no group of numbered rows has rows in two parts: all groups of one come after all of the one before."""
    for name in {name for one in found for name in one.carries}:
        spans = [carry for one in found if (carry := one.carries.get(name)) is not None]
        if not (_ascend(spans) or _ascend(spans[::-1])):
            return False
    return True


def _ascend(spans: Sequence[Carry]) -> bool:
    known = [(span.least, span.greatest) for span in spans if span.least is not None and span.greatest is not None]
    return len(known) == len(spans) and all(one[1] < other[0] for one, other in pairwise(known))
