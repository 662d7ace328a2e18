"""Who changed what: noted in the transaction of the change, and never changed or removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Connection, select, text

from wharf.common.access import Caller
from wharf.common.clock import first_id
from wharf.common.jobs.view import JobView
from wharf.common.ledger.database import dumps
from wharf.common.ledger.models import Change
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway.authentication import Member
from wharf.gateway.cursors import decode, page

NOTE: Final = text(
    "SELECT wharf.note(:who, :tenant_id, :what, :target, CAST(:before AS jsonb), CAST(:after AS jsonb), :request_id)"
)
HIDDEN: Final = frozenset({"tenant_id", "noun"})
Item = dict[str, Any]
Rows = tuple[list[Item], str | None]


def note(
    connection: Connection,
    caller: Caller | Member,
    what: str,
    target: object,
    *,
    before: Item | None = None,
    after: Item | None = None,
) -> None:
    """Write one line; `what` is `noun.verb`. `before` and `after` are what the API shows of it, without secrets.

    The platform's changes are lines of the installation.
    """
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    values = {"who": caller.key_id, "tenant_id": caller.tenant_id or INSTALLATION, "what": what, "target": str(target)}
    sides = {"before": dumps(before) if before else None, "after": dumps(after) if after else None}
    connection.execute(NOTE, values | sides | {"request_id": request_id})


def note_job(connection: Connection, member: Member, what: str, before: JobView, after: JobView) -> None:
    """Write the line of a job whose state somebody changed."""
    names = {"status", "attempt", "discarded_at"}
    sides = changed(before.model_dump(include=names), after.model_dump(include=names))
    note(connection, member, what, after.job_id, before=sides[0], after=sides[1])


def changed(before: Item, after: Item) -> tuple[Item, Item]:
    """Of two states what differs: the two sides of a line."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which lines a list shows; what is None does not matter."""

    what: str | None = None
    """A whole `noun.verb`, or the noun."""
    target: str | None = None
    who: UUID | None = None
    since: datetime | None = None
    project_id: str | None = None
    """What was done with keys of that project."""


def list_changes(connection: Connection, wanted: ChangeFilter, cursor: str | None, limit: int) -> Rows:
    """Newest first."""
    query = select(*(column for column in Change.__table__.c if column.name not in HIDDEN))
    if wanted.what is not None:
        query = query.where(Change.noun == wanted.what.partition(".")[0])
        if "." in wanted.what:
            query = query.where(Change.what == wanted.what)
    if wanted.target is not None:
        query = query.where(Change.target == wanted.target)
    if wanted.who is not None:
        query = query.where(Change.who == wanted.who)
    if wanted.project_id is not None:
        query = query.where(Change.project_id == wanted.project_id)
    if wanted.since is not None:
        # The id is made after the transaction began, and leads to the newest without reading the others.
        query = query.where(Change.at >= wanted.since, Change.id >= first_id(wanted.since))
    if cursor:
        query = query.where(Change.id < decode(cursor, (UUID,))[0])
    rows = [dict(row) for row in connection.execute(query.order_by(Change.id.desc()).limit(limit + 1)).mappings()]
    return page(rows, limit, lambda row: (row["id"],))
