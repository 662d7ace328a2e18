"""Keeping a lease while a job runs: one thread and one connection of its own for each worker process.

Every half second it reads the cancel flag, every five it renews; it also knows the job's time limit and whether the
worker is leaving. It does not stop a job: it raises a flag that the job's next step sees, and interrupts the query
that the job may be waiting for. A job that is about to commit looks for itself: see `JobContext.transaction`.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from wharf.common.errors import Cancelled, Fenced, GivenBack, TimeLimit
from wharf.common.ledger.database import Database, driver_of
from wharf.common.logs import get_logger
from wharf.common.runtime.errands import EXPIRE
from wharf.common.runtime.leaving import LeaveSign

LOOK_SECONDS = 0.5
RENEW_SECONDS = 5.0
HEARTBEAT = text("SELECT held, cancelled FROM wharf.heartbeat(:job, :attempt, :seconds, :worker)")


@dataclass
class Pulse:
    """The lease of one running attempt, and what became of it."""

    job_id: UUID
    attempt: int
    worker: str
    """Who took it: an attempt is known by both."""
    lease_seconds: float
    cancelled: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    expired: threading.Event = field(default_factory=threading.Event)
    leaving: threading.Event = field(default_factory=threading.Event)
    running: set[psycopg.Connection[object]] = field(default_factory=set)
    """The connections that the job is using right now, so that their queries can be interrupted."""
    waits: set[Callable[[], None]] = field(default_factory=set)
    """What ends other things that the job is waiting for right now."""
    renewed_at: float = field(default_factory=time.monotonic)
    on_renewal: Callable[[], None] = lambda: None

    def check(self) -> None:
        """Raise `Fenced`, `Cancelled`, `TimeLimit` or `GivenBack` where the job should stop."""
        if self.lost.is_set():
            message = "Another attempt has this job now."
            raise Fenced(message)
        if self.cancelled.is_set():
            raise Cancelled
        if self.expired.is_set():
            message = "The job took longer than its time limit. Split the file, or raise WHARF_SOFT_TIME_LIMIT."
            raise TimeLimit(message)
        if self.leaving.is_set():
            message = "The worker stops; another one goes on with the job."
            raise GivenBack(message)

    @contextmanager
    def guarding(self, connection: Connection | psycopg.Connection[Any]) -> Iterator[None]:
        """While this lasts whatever stops the job interrupts the connection's query."""
        used = connection if isinstance(connection, psycopg.Connection) else driver_of(connection)
        self.running.add(used)
        try:
            self.check()
            yield
        except (DBAPIError, psycopg.Error):  # COPY raises the driver's own
            self.check()
            raise
        finally:
            self.running.discard(used)

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """While this lasts whatever stops the job calls `end`, in another thread and until the job has stopped."""
        self.waits.add(end)
        try:
            self.check()
            yield
        except Exception:
            # Whatever came of it: the job raises why it stops.
            self.check()
            raise
        finally:
            self.waits.discard(end)

    def interrupt(self) -> None:
        """Stop the queries that run, and what else the job waits for."""
        for end in tuple(self.waits):
            end()
        for connection in tuple(self.running):
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=2.0)


class Heart:
    """The thread. Idle while no job runs. A job has `time_limit` seconds, and less once the sign to leave is given."""

    def __init__(self, database: Database, sign: LeaveSign, time_limit: float) -> None:
        self._database = database
        self._sign = sign
        self._time_limit = time_limit
        self._deadline = float("inf")
        self._pulse: Pulse | None = None
        self._wake = threading.Event()
        self._parent = os.getppid()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    @contextmanager
    def during(self, pulse: Pulse, time_limit: float | None = None) -> Iterator[None]:
        """Keep that lease for as long as the block runs, which has a time limit of its own or the usual one."""
        self._deadline = time.monotonic() + (self._time_limit if time_limit is None else time_limit)
        self._pulse = pulse
        self._wake.set()
        try:
            yield
        finally:
            self._pulse = None
            self._wake.clear()

    def _beat(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(LOOK_SECONDS)
            pulse = self._pulse
            if pulse is not None:
                self._look(pulse)

    def _look(self, pulse: Pulse) -> None:
        if os.getppid() != self._parent:
            self._leave(pulse)
        self._look_at_the_clock(pulse)
        due = time.monotonic() - pulse.renewed_at >= min(RENEW_SECONDS, pulse.lease_seconds / 4)
        try:
            held, cancelled = self._ask(pulse, pulse.lease_seconds if due else 0)
        except DBAPIError:
            # The lease runs out by itself if this lasts; the fence decides, not this thread.
            get_logger().warning("heartbeat.unheard", job_id=str(pulse.job_id), attempt=pulse.attempt)
            return
        if due:
            pulse.renewed_at = time.monotonic()
            pulse.on_renewal()
        self._report(pulse, held=held, cancelled=cancelled)

    def _look_at_the_clock(self, pulse: Pulse) -> None:
        """What is known without the ledger."""
        if self._sign.given:
            pulse.leaving.set()
        if time.monotonic() > self._deadline:
            pulse.expired.set()
        if pulse is self._pulse and (pulse.leaving.is_set() or pulse.expired.is_set()):
            pulse.interrupt()

    def _ask(self, pulse: Pulse, seconds: float) -> tuple[bool, bool]:
        values = {"job": pulse.job_id, "attempt": pulse.attempt, "seconds": seconds, "worker": pulse.worker}
        with self._database.anyone() as connection:
            row = connection.execute(HEARTBEAT, values).one()
        return bool(row.held), bool(row.cancelled)

    def _report(self, pulse: Pulse, *, held: bool, cancelled: bool) -> None:
        if pulse is not self._pulse:
            return
        if not held:
            pulse.lost.set()
        if cancelled:
            pulse.cancelled.set()
        if not held or cancelled:
            pulse.interrupt()

    def _leave(self, pulse: Pulse) -> None:
        """The worker's main process is dead: nobody bounds this process any more. Give the job up and go."""
        with contextlib.suppress(DBAPIError), self._database.anyone() as connection:
            connection.execute(EXPIRE, {"job": pulse.job_id, "attempt": pulse.attempt, "why": "died"})
        os._exit(1)
