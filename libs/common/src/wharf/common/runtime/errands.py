"""What the worker's main process has to ask the ledger, now and then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from celery.worker import state
from celery.worker.request import Request
from sqlalchemy import Connection, text

from wharf.common.ledger.database import Database

MOST_ATTEMPTS = 2**63 - 1
EXPIRE = text("SELECT wharf.expire_lease(:job, :attempt, :why)")


class Errands:
    """Connections that last as long as their errand.

    One that is open when the pool forks would be shared with the child, and a child's end would close it for both.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One transaction without a tenant; raises SQLAlchemy's errors."""
        with self._one_at_a_time:
            try:
                with self._database.anyone() as connection:
                    yield connection
            finally:
                self._database.close()


def active_requests() -> list[Request]:
    """The messages that children work on, as of now, from whichever thread."""
    while True:
        try:
            return list(state.active_requests)
        except RuntimeError:  # the main thread has added one meanwhile
            continue


def message_of(request: Request) -> dict[str, Any] | None:
    """What the message says: `job` and `attempt`; None for one that says nothing of the kind."""
    return read_message(request.kwargs.get("job_id"), request.kwargs.get("attempt"))


def read_message(job_id: object, attempt: object) -> dict[str, Any] | None:
    """A job's id and the number of its attempt, as they came from the broker: whatever may stand there."""
    try:
        job, number = UUID(str(job_id)), int(str(attempt))
    except ValueError:
        return None
    return {"job": job, "attempt": number} if 0 < number <= MOST_ATTEMPTS else None
