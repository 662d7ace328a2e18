"""After the commit: the broker is told, then those who watch. In a thread of its own, so that nobody waits for it.

Whatever is not announced (a broker that hangs, a process that dies, a queue that is full) the dispatcher publishes.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wharf.common.doorbell import Doorbell
from wharf.common.feed import Feed
from wharf.common.jobs.submission import Written
from wharf.common.jobs.tally import Tally
from wharf.common.jobs.view import JobView
from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger
from wharf.common.tracing import TRACES

MOST_WAITING = 10_000
BATCH = 200
MARK_SECONDS = 0.25
"""How long a mark may wait for others: far less than the dispatcher's grace."""

# Losing the marks in a crash only rings twice: they need not wait for the disk.
RELAX = text("SET LOCAL synchronous_commit = off")
MARK = text("SELECT wharf.mark_published(cast(:jobs AS uuid[]), cast(:attempts AS bigint[]))")


@dataclass(frozen=True, slots=True)
class Announcement:
    """A committed job: to ring for, to tell of, or both."""

    view: JobView
    tenant_id: UUID
    ring: bool
    tell: bool
    trace: str | None = None
    """The `traceparent` of the request that wrote the job."""


class Announcer:
    """Rings and tells in the background; marks what the broker took, many jobs at once."""

    def __init__(self, database: Database, doorbell: Doorbell, feed: Feed) -> None:
        self._database = database
        self._doorbell = doorbell
        self._feed = feed
        self._waiting: queue.Queue[Announcement | None] = queue.Queue(MOST_WAITING)
        self._rung: list[JobView] = []
        self._mark_at = 0.0
        self._thread = threading.Thread(target=self._work, name="announcer", daemon=True)
        self._thread.start()

    def announce(self, written: Written, tenant_id: UUID) -> None:
        """A new job: count it, ring for it if it was admitted, tell who watches. Never blocks, never raises."""
        view = written.view
        Tally.of_view(view, tenant_id).submitted(view.priority)
        self._add(Announcement(view, tenant_id, ring=written.admitted, tell=True, trace=TRACES.here()))

    def ring(self, written: Written, tenant_id: UUID) -> None:
        """A job that is to run again; it was counted and told of by others."""
        if written.admitted:
            self._add(Announcement(written.view, tenant_id, ring=True, tell=False, trace=TRACES.here()))

    def close(self, seconds: float = 3.0) -> None:
        """Finish what is waiting, but not for longer than that."""
        self._add(None)
        self._thread.join(seconds)
        self._feed.close()

    def _add(self, announcement: Announcement | None) -> None:
        try:
            self._waiting.put_nowait(announcement)
        except queue.Full:
            get_logger().warning("announcer.full", waiting=MOST_WAITING)

    def _work(self) -> None:
        while True:
            try:
                announcement = self._waiting.get(timeout=self._patience())
            except queue.Empty:
                self._mark()
                continue
            if announcement is None:
                self._mark()
                return
            self._make(announcement)
            if len(self._rung) >= BATCH or time.monotonic() >= self._mark_at:
                self._mark()

    def _patience(self) -> float | None:
        return max(self._mark_at - time.monotonic(), 0.0) if self._rung else None

    def _make(self, announcement: Announcement) -> None:
        view = announcement.view
        if announcement.ring and self._doorbell.ring(
            view.job_id, view.attempt, view.kind, view.queue, view.priority, trace=announcement.trace
        ):
            if not self._rung:
                self._mark_at = time.monotonic() + MARK_SECONDS
            self._rung.append(view)
        if announcement.tell:
            self._feed.tell(view, announcement.tenant_id)

    def _mark(self) -> None:
        rung, self._rung = self._rung, []
        if not rung:
            return
        try:
            with self._database.anyone() as connection:
                connection.execute(RELAX)
                connection.execute(MARK, {"jobs": [v.job_id for v in rung], "attempts": [v.attempt for v in rung]})
        except (DBAPIError, PoolTimeout) as error:
            get_logger().warning("announcer.not_marked", jobs=len(rung), error=type(error).__name__)
