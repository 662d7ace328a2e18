"""What the worker's main process does about its children: it sees them die, and ends those that do not obey."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import Any
from uuid import UUID

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.worker import state
from celery.worker.request import Request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger
from wharf.common.runtime.heartbeat import EXPIRE

LOOK_SECONDS = 1.0
OLD_SECONDS = 5.0
"""Younger jobs are not looked at: most end before."""
LOOK = text("SELECT held, cancelled FROM wharf.heartbeat(:job, :attempt, 0)")


class Watch:
    """The main process' view of its children. Opens a connection only when there is something to do.

    (A connection that is open when the pool forks would be shared with the children.)
    """

    def __init__(self, database: Database, patience: float) -> None:
        self._database = database
        self._patience = patience
        self._unwanted: dict[str, float] = {}

    def warm_up(self) -> None:
        """Connect once before the pool forks: what a first connection imports must not be half imported in a child.

        (A thread that dies in a fork keeps its import locks in the child for ever.)
        """
        try:
            with self._database.anyone() as connection:
                connection.execute(text("SELECT 1"))
        except DBAPIError:
            get_logger().warning("watch.unheard")
        finally:
            self._database.close()

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        threading.Thread(target=self._look_for_ever, name="watch", daemon=True).start()

    def died(self, request: Request) -> None:
        """A child died with a job: say so in the ledger at once, instead of waiting for the lease to run out."""
        message = _message(request)
        get_logger().error("worker.child_died", job_id=str(message["job"]), attempt=message["attempt"])
        threading.Thread(target=self._expire, args=(message,), daemon=True).start()

    def _expire(self, message: dict[str, Any]) -> None:
        try:
            with self._database.anyone() as connection:
                connection.execute(EXPIRE, message)
        except DBAPIError:
            get_logger().warning("lease.not_expired", job_id=str(message["job"]))
        finally:
            self._database.close()

    def _look_for_ever(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            old = [r for r in list(state.active_requests) if r.time_start and time.time() - r.time_start > OLD_SECONDS]
            self._unwanted = {k: v for k, v in self._unwanted.items() if k in {r.id for r in old}}
            if old:
                self._look(old)

    def _look(self, old: list[Request]) -> None:
        try:
            with self._database.anyone() as connection:
                found = [(request, connection.execute(LOOK, _message(request)).one()) for request in old]
        except DBAPIError:
            get_logger().warning("watch.unheard")
            return
        finally:
            self._database.close()
        for request, row in found:
            self._judge(request, unwanted=bool(row.cancelled or not row.held))

    def _judge(self, request: Request, *, unwanted: bool) -> None:
        """A child had its time to see that nobody wants its work; one that holds the interpreter cannot see it."""
        if not unwanted:
            self._unwanted.pop(request.id, None)
            return
        since = self._unwanted.setdefault(request.id, time.monotonic())
        # Still active: the child has not taken another job since.
        if time.monotonic() - since > self._patience and request in state.active_requests:
            get_logger().error("worker.child_killed", job_id=str(_message(request)["job"]), pid=request.worker_pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(request.worker_pid, signal.SIGKILL)


class WatchedRequest(Request):  # type: ignore[misc]  # Celery has no types
    """Celery's view of one message, telling the watch when its child is gone."""

    watch: Watch

    def on_failure(self, exc_info: object, send_failed_event: bool = True, return_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery's signature
        """The child died, or the task raised."""
        error = getattr(exc_info, "exception", None)
        if isinstance(getattr(error, "exc", error), WorkerLostError | TimeLimitExceeded):
            self.watch.died(self)
        super().on_failure(exc_info, send_failed_event, return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001 - Celery's signature
        """The child was told to stop (soft), or was killed."""
        if not soft:
            self.watch.died(self)
        super().on_timeout(soft, timeout)


def _message(request: Request) -> dict[str, Any]:
    return {"job": UUID(request.kwargs["job_id"]), "attempt": int(request.kwargs["attempt"])}
