"""The states of a job and the only ways between them: one pure table.

Nothing else in Wharf decides whether a state may follow another.
"""

from __future__ import annotations

from enum import StrEnum

from wharf.common.errors import Conflict


class Status(StrEnum):
    """The state of a job, as the contract names it."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    FAIL_FOR_NOW = "fail_for_now"
    DUE = "due"
    GIVE_BACK = "give_back"
    DIE = "die"
    CANCEL = "cancel"
    STOP = "stop"
    """The worker has seen the cancel flag and stopped."""
    WAIT = "wait"
    """The attempt has divided the work into parts; the job goes on when all of them have ended."""
    GO_ON = "go_on"
    """The last part has ended."""
    RETRY = "retry"
    """A person tries a dead letter or a cancelled job again."""


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

TRANSITIONS: dict[tuple[Status, Event], Status] = {
    (Status.QUEUED, Event.CLAIM): Status.RUNNING,
    (Status.QUEUED, Event.CANCEL): Status.CANCELLED,
    (Status.RETRYING, Event.DUE): Status.QUEUED,
    (Status.RETRYING, Event.CANCEL): Status.CANCELLED,
    (Status.RETRYING, Event.RETRY): Status.QUEUED,
    (Status.RUNNING, Event.COMPLETE): Status.COMPLETED,
    (Status.RUNNING, Event.FAIL): Status.FAILED,
    (Status.RUNNING, Event.FAIL_FOR_NOW): Status.RETRYING,
    (Status.RUNNING, Event.GIVE_BACK): Status.QUEUED,
    (Status.RUNNING, Event.DIE): Status.QUEUED,
    (Status.RUNNING, Event.WAIT): Status.RUNNING,
    (Status.RUNNING, Event.GO_ON): Status.QUEUED,
    (Status.RUNNING, Event.CANCEL): Status.CANCELLING,
    (Status.CANCELLING, Event.CANCEL): Status.CANCELLING,
    (Status.CANCELLING, Event.STOP): Status.CANCELLED,
    (Status.CANCELLING, Event.DIE): Status.CANCELLED,
    (Status.CANCELLING, Event.GIVE_BACK): Status.CANCELLED,
    (Status.CANCELLING, Event.WAIT): Status.CANCELLED,
    (Status.CANCELLING, Event.FAIL): Status.CANCELLED,
    (Status.CANCELLING, Event.FAIL_FOR_NOW): Status.CANCELLED,
    # The work was done before the flag was seen: what is committed is told as it is.
    (Status.CANCELLING, Event.COMPLETE): Status.COMPLETED,
    (Status.FAILED, Event.RETRY): Status.QUEUED,
    (Status.CANCELLED, Event.RETRY): Status.QUEUED,
}


def after(status: Status, event: Event) -> Status:
    """The state that follows; raises `Conflict` (`wrong_state`) where the event is not allowed."""
    following = TRANSITIONS.get((status, event))
    if following is None:
        message = f"A job that is {status.value} does not allow: {event.value.replace('_', ' ')}."
        raise Conflict(message, code="wrong_state", detail={"status": status.value})
    return following


def allows(status: Status, event: Event) -> bool:
    """Whether the event may happen in that state."""
    return (status, event) in TRANSITIONS


def sources(event: Event, target: Status) -> tuple[Status, ...]:
    """The states from which the event leads to `target`: what a compare-and-set compares with."""
    return tuple(s for (s, e), t in TRANSITIONS.items() if e is event and t is target)
