"""Dead letters: jobs that failed for good and that nobody has seen to, grouped by their error and kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Connection, DateTime, RowMapping, Text, Uuid, select, text

from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.models import Job
from wharf.common.queues import Queue

MOST: Final = 200
"""Groups that are told, the largest first."""
# The state stands in the text: so the index of the failed ones leads to them.
GROUPS: Final = text("""
    SELECT error ->> 'code' AS code, kind, count(*) AS jobs, min(finished_at) AS first_at, max(finished_at) AS last_at,
           (array_agg(id ORDER BY finished_at DESC NULLS LAST, id DESC))[1] AS example_id
    FROM wharf.jobs WHERE status = 'failed' AND part IS NULL AND discarded_at IS NULL
      AND (CAST(:project_id AS text) IS NULL OR project_id = :project_id)
      AND (CAST(:queue AS text) IS NULL OR queue = :queue) AND (CAST(:kind AS text) IS NULL OR kind = :kind)
    GROUP BY 1, 2 ORDER BY jobs DESC, last_at DESC, 1, 2 LIMIT :most""").columns(
    code=Text, kind=Text, jobs=BigInteger, first_at=DateTime, last_at=DateTime, example_id=Uuid
)
_GROUP: Final = GROUPS.subquery("dead")
# With their examples in one statement: one that is retried or removed meanwhile is none of the group's any more.
WITH_EXAMPLES: Final = (
    select(*(column.label(f"group_{column.name}") for column in _GROUP.c), *Job.__table__.c)
    .join(Job, Job.id == _GROUP.c.example_id)
    .order_by(_GROUP.c.jobs.desc(), _GROUP.c.last_at.desc(), _GROUP.c.code, _GROUP.c.kind)
)


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """Jobs of one kind that failed with the same error; `code` is None where an older version noted none."""

    code: str | None
    kind: str
    jobs: int
    first_at: datetime | None
    last_at: datetime | None
    example: JobView
    """The newest of them."""


def groups_of(
    connection: Connection, project_id: str | None, queue: Queue | None = None, kind: str | None = None
) -> list[DeadGroup]:
    """Those of the transaction's tenant, the largest first; of one project, queue or kind where it is named."""
    wanted = {"project_id": project_id, "queue": queue, "kind": kind, "most": MOST}
    return [_group(row) for row in connection.execute(WITH_EXAMPLES, wanted).mappings()]


def _group(row: RowMapping) -> DeadGroup:
    said = {name: row[f"group_{name}"] for name in ("code", "kind", "jobs", "first_at", "last_at")}
    return DeadGroup(**said, example=job_view(row))
