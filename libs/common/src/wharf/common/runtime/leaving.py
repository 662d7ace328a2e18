"""How a worker stops: its jobs finish, or go back with their last checkpoint, before its keeper loses patience."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import threading
from collections.abc import Sequence

from celery.worker.request import Request
from sqlalchemy.exc import SQLAlchemyError

from wharf.common.logs import get_logger
from wharf.common.runtime.errands import EXPIRE, Errands, active_requests, message_of
from wharf.common.settings import WorkerSettings

TELL_SECONDS = 2.0
"""How long the ledger may take to hear of a job that is given back: then its lease has to run out."""


class LeaveSign:
    """One byte that the main process and its children share. Make it before the pool forks."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    @property
    def given(self) -> bool:
        """Whether jobs have to stop at their next step."""
        return self._byte[0] != 0

    def give(self) -> None:
        """Tell every child; there is no way back."""
        self._byte[0] = 1


class Departure:
    """The main process' way out, begun by the first signal; a second one takes its last step at once."""

    def __init__(self, errands: Errands, sign: LeaveSign, settings: WorkerSettings) -> None:
        self._errands = errands
        self._sign = sign
        self._finish_seconds = settings.finish_within
        self._kill_seconds = settings.kill_after
        self._thread: threading.Thread | None = None
        self._in_a_hurry = threading.Event()
        self._given_back: set[str] = set()

    def begin(self) -> None:
        """Called at every signal to stop. Returns at once: it runs inside the signal's handler."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._leave, name="departure", daemon=True)
            self._thread.start()
        else:
            self._in_a_hurry.set()

    @property
    def begun(self) -> bool:
        """Whether the worker takes no more jobs."""
        return self._thread is not None

    def leave_now(self) -> None:
        """Give back all that runs, before Celery kills the pool. Waits for the ledger, but not long."""
        self._sign.give()
        self._give_back([request for request in active_requests() if request.id not in self._given_back])

    def _leave(self) -> None:
        if not self._in_a_hurry.wait(self._finish_seconds):
            if active_requests():
                get_logger().info("worker.gives_back", jobs=len(active_requests()))
            self._sign.give()
            self._in_a_hurry.wait(self._kill_seconds - self._finish_seconds)
        self.leave_now()

    def _give_back(self, requests: Sequence[Request]) -> None:
        if not requests:
            return
        self._given_back.update(request.id for request in requests)
        teller = threading.Thread(target=self._expire, args=(requests,), daemon=True)
        teller.start()
        teller.join(TELL_SECONDS)
        for request in requests:
            request.told = True
            get_logger().warning("worker.child_killed", why="shutdown", **_named(request))
            with contextlib.suppress(ProcessLookupError):
                os.kill(request.worker_pid, signal.SIGKILL)

    def _expire(self, requests: Sequence[Request]) -> None:
        try:
            with self._errands.connection() as connection:
                for message in filter(None, map(message_of, requests)):
                    connection.execute(EXPIRE, message | {"why": "shutdown"})
        except SQLAlchemyError:
            get_logger().warning("lease.not_expired", jobs=len(requests))


def _named(request: Request) -> dict[str, object]:
    message = message_of(request) or {}
    return {"job_id": str(message.get("job")), "attempt": message.get("attempt"), "pid": request.worker_pid}
