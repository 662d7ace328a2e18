"""A job kind's code, private to the worker that runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from wharf.common.jobs.kinds import Kind, Payload
from wharf.common.jobs.states import Status
from wharf.common.jobs.submission import Order
from wharf.common.runtime.context import JobContext

P = TypeVar("P", bound=Payload)
Result = dict[str, Any]


def nothing_to_clean(_connection: Connection, _payload: Payload, _status: Status) -> None:
    """For kinds that leave nothing behind."""


def nothing_follows(_connection: Connection, _context: JobContext[Any]) -> Sequence[Order]:
    """For kinds whose end is the end."""
    return ()


@dataclass(frozen=True)
class Implementation(Generic[P]):
    """What runs a kind of job.

    `run` gives the job's result and raises our errors; it knows nothing of retries, leases or states.
    `clean` removes what the job left for its next attempt; it is part of the transaction that ends the job for good,
    and is told in which state that is.
    `follow` names the jobs of the same tenant that come after one that completed: written in that transaction too.
    """

    kind: Kind[P]
    run: Callable[[JobContext[P]], Result]
    clean: Callable[[Connection, P, Status], None] = nothing_to_clean
    follow: Callable[[Connection, JobContext[P]], Sequence[Order]] = nothing_follows

    @property
    def ends_alone(self) -> bool:
        """Whether its end is that of the job and nothing else."""
        return self.clean is nothing_to_clean and self.follow is nothing_follows
