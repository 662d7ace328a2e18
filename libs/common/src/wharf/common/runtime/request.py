"""What the worker's main process does about its children: it sees them die, and ends those that do not obey."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import Any

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.worker.request import Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from wharf.common.logs import get_logger
from wharf.common.runtime.errands import EXPIRE, Errands, active_requests, message_of
from wharf.common.runtime.leaving import Departure
from wharf.common.runtime.sentry import SENTRY

LOOK_SECONDS = 1.0
OLD_SECONDS = 5.0
"""Younger jobs are not looked at: most end before."""
LOOK = text("SELECT held, cancelled FROM wharf.heartbeat(:job, :attempt, 0)")


class Watch:
    """The main process' view of its children. Opens a connection only when there is something to do."""

    def __init__(self, errands: Errands, patience: float) -> None:
        self._errands = errands
        self._patience = patience
        self._unwanted: dict[str, float] = {}

    def warm_up(self) -> None:
        """Connect once before the pool forks: what a first connection imports must not be half imported in a child.

        (A thread that dies in a fork keeps its import locks in the child for ever.)
        """
        try:
            with self._errands.connection() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            get_logger().warning("watch.unheard")

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        threading.Thread(target=self._look_for_ever, name="watch", daemon=True).start()

    def ended(self, request: Request, why: str) -> None:
        """A child is gone with its job: say so in the ledger at once, instead of waiting for the lease to run out."""
        message = message_of(request)
        if message is None:
            return
        get_logger().error("worker.child_died", job_id=str(message["job"]), attempt=message["attempt"], why=why)
        threading.Thread(target=self._expire, args=(message | {"why": why},), daemon=True).start()

    def _expire(self, message: dict[str, Any]) -> None:
        try:
            with self._errands.connection() as connection:
                connection.execute(EXPIRE, message)
        except SQLAlchemyError:
            get_logger().warning("lease.not_expired", job_id=str(message["job"]))

    def _look_for_ever(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            old = [r for r in active_requests() if r.time_start and time.time() - r.time_start > OLD_SECONDS]
            self._unwanted = {k: v for k, v in self._unwanted.items() if k in {r.id for r in old}}
            if old:
                self._look_at(old)

    def _look_at(self, old: list[Request]) -> None:
        try:
            self._look(old)
        except Exception as error:  # noqa: BLE001 - a watch that dies watches nobody
            get_logger().exception("watch.failed")
            SENTRY.report(error)

    def _look(self, old: list[Request]) -> None:
        try:
            with self._errands.connection() as connection:
                messages = [(request, message_of(request)) for request in old]
                found = [(request, connection.execute(LOOK, said).one()) for request, said in messages if said]
        except SQLAlchemyError:
            get_logger().warning("watch.unheard")
            return
        for request, row in found:
            self._judge(request, unwanted=bool(row.cancelled or not row.held))

    def _judge(self, request: Request, *, unwanted: bool) -> None:
        """A child had its time to see that nobody wants its work; one that holds the interpreter cannot see it."""
        if not unwanted:
            self._unwanted.pop(request.id, None)
            return
        since = self._unwanted.setdefault(request.id, time.monotonic())
        # Still active: the child has not taken another job since.
        if time.monotonic() - since > self._patience and request in active_requests():
            get_logger().error("worker.child_killed", job_id=request.kwargs["job_id"], pid=request.worker_pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(request.worker_pid, signal.SIGKILL)


class WatchedRequest(Request):  # type: ignore[misc]  # Celery has no types
    """Celery's view of one message, telling the watch when its child is gone."""

    watch: Watch
    departure: Departure
    told = False
    """Whoever kills a child has told why; the child's death is no news after that."""

    def on_failure(self, exc_info: object, send_failed_event: bool = True, return_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery's signature
        """The child died, or the task raised."""
        error = getattr(exc_info, "exception", None)
        error = getattr(error, "exc", error)
        if isinstance(error, WorkerLostError | TimeLimitExceeded):
            self._tell("time_limit" if isinstance(error, TimeLimitExceeded) else "died")
        super().on_failure(exc_info, send_failed_event, return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001 - Celery's signature
        """The child did not see its time limit in time, and is killed."""
        if not soft:
            self._tell("time_limit")
        super().on_timeout(soft, timeout)

    def cancel(self, pool: object, signal: object = None, emit_retry: bool = True) -> None:  # noqa: FBT001, FBT002 - Celery's signature
        """A cold shutdown is about to kill the child: the job goes back first."""
        self.departure.leave_now()
        super().cancel(pool, signal, emit_retry)

    def _tell(self, why: str) -> None:
        if not self.told:
            self.told = True
            self.watch.ended(self, why)
