"""What a schedule whose time has come does now: a pure decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from wharf.common.schedules.policies import Misfire, Outcome, Overlap
from wharf.common.schedules.timing import Timing, between

MOST_MISSED = 100
"""Occurrences that are noted after one time without a scheduler: the latest."""
MOST_WAITING = 100
"""Occurrences of one schedule that wait for those before them."""


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule whose time has come. `live` are its jobs that have not ended, `waiting` counts occurrences."""

    timing: Timing
    next_at: datetime
    grace: timedelta
    overlap: Overlap
    misfire: Misfire
    live: Sequence[UUID] = ()
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of occurrences, and which one comes then."""

    notes: dict[datetime, Outcome]
    next_at: datetime
    cancel: Sequence[UUID] = ()
    supersede: bool = False
    """Those that wait are skipped."""

    @property
    def starts(self) -> datetime | None:
        """The occurrence that starts a job now."""
        return next((at for at, outcome in self.notes.items() if outcome is Outcome.STARTED), None)

    @property
    def missed(self) -> int:
        """How many came too late."""
        return list(self.notes.values()).count(Outcome.MISSED)


def step(due: Due, now: datetime) -> Step:
    """One step: either all occurrences that are late, or the next one that is not."""
    last_late = now - due.grace
    if due.next_at >= last_late:
        return _one(due, due.next_at, {})
    late = between(due.timing, due.next_at, last_late, MOST_MISSED)
    if due.misfire is Misfire.RUN_ONCE:
        return _one(due, late[-1], dict.fromkeys(late[:-1], Outcome.MISSED))
    return Step(dict.fromkeys(late, Outcome.MISSED), due.timing.after(late[-1], due.next_at))


def _one(due: Due, occurrence: datetime, before: dict[datetime, Outcome]) -> Step:
    following = due.timing.after(occurrence, due.next_at)
    busy = bool(due.live) or due.waiting > 0
    outcome = _outcome(due, busy=busy)
    replaces = busy and due.overlap is Overlap.REPLACE
    return Step(before | {occurrence: outcome}, following, tuple(due.live) if replaces else (), replaces)


def _outcome(due: Due, *, busy: bool) -> Outcome:
    if not busy:
        return Outcome.STARTED
    if due.overlap is Overlap.SKIP or (due.overlap is Overlap.QUEUE and due.waiting >= MOST_WAITING):
        return Outcome.SKIPPED
    return Outcome.WAITING
