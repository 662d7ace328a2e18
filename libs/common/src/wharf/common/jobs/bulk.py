"""What a person may do to many jobs at once: the same as to one, in statements for a thousand of them.

Each chunk is a transaction of its own, so that no lock is held for long; what was done stays done if a later one fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, select, text, update

from wharf.common.jobs.control import DISCARDABLE, Changes, cancel_changes, discard_changes, retry_changes
from wharf.common.jobs.states import TRANSITIONS, Event, Status, sources
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.models import Job

Conditions = Sequence[ColumnElement[bool]]
CHUNK = 1000
"""Jobs of one transaction."""
WAKE = text("SELECT pg_notify('wharf_dispatch', '')")


class Action(StrEnum):
    """What can be done to many jobs."""

    CANCEL = "cancel"
    RETRY = "retry"
    DISCARD = "discard"


@dataclass(frozen=True)
class Step:
    """For jobs in these states: what is written."""

    states: tuple[Status, ...]
    changes: Changes
    wakes: bool = False
    """Afterwards the dispatcher has jobs to give their places to."""


def count(connection: Connection, action: Action, conditions: Conditions) -> int:
    """Jobs that the action would be done to."""
    return connection.execute(select(func.count()).select_from(Job).where(*_allowed(action), *conditions)).scalar_one()


def act(
    connection: Connection, action: Action, conditions: Conditions, past: UUID | None
) -> tuple[UUID | None, list[JobView]]:
    """Do it to the next `CHUNK` jobs by id, after `past`: where to go on (None: all is done), and those changed."""
    query = select(Job.id).where(*_allowed(action), *conditions).order_by(Job.id).limit(CHUNK).with_for_update()
    found = connection.scalars(query if past is None else query.where(Job.id > past)).all()
    changed = [job for step in steps(action) for job in _take(connection, step, found)]
    return found[-1] if len(found) == CHUNK else None, changed


def steps(action: Action) -> tuple[Step, ...]:
    """The action as the table of transitions allows it."""
    return STEPS[action]()


def _take(connection: Connection, step: Step, found: Sequence[UUID]) -> list[JobView]:
    chosen = update(Job).where(Job.id.in_(found), Job.status.in_(step.states))
    rows = connection.execute(chosen.values(step.changes).returning(*Job.__table__.c)).mappings().all()
    if rows and step.wakes:
        connection.execute(WAKE)
    return [job_view(row) for row in rows]


def _allowed(action: Action) -> list[ColumnElement[bool]]:
    states = Job.status.in_([status for step in steps(action) for status in step.states])
    whole = Job.part.is_(None)
    # One that was discarded before is no longer waiting for anybody.
    return [states, whole, Job.discarded_at.is_(None)] if action is Action.DISCARD else [states, whole]


def _led_by(event: Event, changes: Callable[[Status], Changes], *, wakes: bool = False) -> tuple[Step, ...]:
    targets = dict.fromkeys(target for (_, found), target in TRANSITIONS.items() if found is event)
    return tuple(Step(sources(event, target), changes(target), wakes) for target in targets)


STEPS: dict[Action, Callable[[], tuple[Step, ...]]] = {
    Action.CANCEL: lambda: _led_by(Event.CANCEL, cancel_changes),
    Action.RETRY: lambda: _led_by(Event.RETRY, retry_changes, wakes=True),
    Action.DISCARD: lambda: (Step((DISCARDABLE,), discard_changes()),),
}
