"""The one layer around every job function: claim, lease, log context, outcome, metrics."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError

from wharf.common.errors import Cancelled, Fenced, GivenBack, Permanent, Waits
from wharf.common.feed import Feed
from wharf.common.jobs.states import Event
from wharf.common.jobs.tally import Tally
from wharf.common.jobs.view import JobView, ProgressView, job_view
from wharf.common.ledger.database import Database
from wharf.common.ledger.patience import patiently
from wharf.common.logs import get_logger
from wharf.common.metrics import JOB_CANCEL, JOBS_DROPPED, JOBS_FENCED
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.endings import Ending, finish
from wharf.common.runtime.heartbeat import Heart, Pulse
from wharf.common.runtime.implementation import Implementation
from wharf.common.runtime.notice import NOTICES
from wharf.common.runtime.points import Point, reach
from wharf.common.runtime.progress import Progress
from wharf.common.runtime.retries import classify, judge
from wharf.common.runtime.sentry import SENTRY
from wharf.common.runtime.voice import Voice
from wharf.common.storage import Storage
from wharf.common.tracing import TRACES

CLAIM = """
    SELECT *, clock_timestamp() AS claimed_at, set_config('synchronous_commit', 'off', true)
    FROM wharf.claim(%(job)s, %(attempt)s, %(worker)s, %(seconds)s)"""
"""Its commit does not wait for the disk: whatever the attempt commits later is behind it in the same log. A server
that dies may forget it, with all that came after it: the job is queued again, and who held it holds it no more."""


@dataclass
class Runner:
    """Runs jobs in one worker process."""

    database: Database
    storage: Storage
    feed: Feed
    heart: Heart
    worker: str
    lease_seconds: float
    voice: Voice

    def run(self, implementation: Implementation[Any], job_id: UUID, attempt: int) -> None:
        """Take the job if it is still to be had, run it, write down what became of it."""
        structlog.contextvars.bind_contextvars(job_id=str(job_id), attempt=attempt, kind=implementation.kind.name)
        try:
            row = self._claim(job_id, attempt)
            if row is None:
                JOBS_DROPPED.inc()
                get_logger().info("job.nothing_to_claim")
                return
            self._run_claimed(implementation, row)
        finally:
            structlog.contextvars.clear_contextvars()

    def _claim(self, job_id: UUID, attempt: int) -> dict[str, Any] | None:
        values = {"job": job_id, "attempt": attempt, "worker": self.worker, "seconds": self.lease_seconds}

        def claim() -> dict[str, Any] | None:
            with self.database.direct() as cursor:
                return cursor.execute(CLAIM, values).fetchone()

        return patiently(claim, "job.claim")

    def _run_claimed(self, implementation: Implementation[Any], row: dict[str, Any]) -> None:
        view = job_view(row)
        structlog.contextvars.bind_contextvars(
            tenant_id=str(row["tenant_id"]), queue=view.queue, request_id=row["request_id"]
        )
        reach(Point.AFTER_CLAIM)
        times = Times.of(view, row["claimed_at"])
        self._note_start(view, row["tenant_id"], times)
        context = self._context(view, row)
        with self.heart.during(context.pulse, implementation.kind.time_limit):
            ending = self._attempt(implementation, context, row)
        Tally.of_view(view, context.tenant_id).ran(times.run)
        self._end(implementation, context, ending, times)

    def _context(self, view: JobView, row: dict[str, Any]) -> JobContext[Any]:
        pulse = Pulse(
            view.job_id,
            view.attempt,
            self.worker,
            self.lease_seconds,
            on_renewal=lambda: self.feed.refresh(view.job_id),
        )
        start = ProgressView.model_validate(row["progress"] or {})
        return JobContext(
            view=view,
            tenant_id=row["tenant_id"],
            payload=None,
            checkpoint=row["checkpoint"],
            database=self.database,
            storage=self.storage,
            feed=self.feed,
            pulse=pulse,
            progress=Progress(start),
            announce=self.voice,
        )

    def _attempt(self, implementation: Implementation[Any], context: JobContext[Any], row: dict[str, Any]) -> Ending:
        try:
            context.payload = _read_payload(implementation, row["payload"])
            return Ending(Event.COMPLETE, result=implementation.run(context))
        except Cancelled as error:
            return Ending(Event.STOP, error=error)
        except Fenced as error:
            return Ending(Event.DIE, error=error)
        except GivenBack:
            return Ending(Event.GIVE_BACK)
        except Waits:
            return Ending(Event.WAIT)
        except Exception as error:  # noqa: BLE001 - the border between a job's code and ours: everything is classified here
            return self._failed(implementation, error, row)

    def _failed(self, implementation: Implementation[Any], error: Exception, row: dict[str, Any]) -> Ending:
        classified = classify(error, implementation.kind)
        verdict = judge(classified, row["failures"] + 1, row["max_attempts"], implementation.kind)
        unexpected = None if classified is error else error
        get_logger().warning("job.attempt_failed", code=classified.error_code, exc_info=unexpected)
        SENTRY.report(error, implementation.kind)
        return Ending(verdict.event, error=classified, delay=verdict.delay)

    def _end(self, implementation: Implementation[Any], context: JobContext[Any], ending: Ending, times: Times) -> None:
        NOTICES.give()
        view = None
        if ending.event is not Event.DIE:
            self.feed.withdraw(context.job_id)
            view = finish(context, implementation, ending)
        if view is None:
            JOBS_FENCED.inc()
            get_logger().warning("job.fenced")
            return
        reach(Point.AFTER_END)
        self.feed.tell(view, context.tenant_id)
        _count_end(view, context.tenant_id, ending)
        TRACES.note(status=view.status, code=view.error.code if view.error else None, wait_seconds=round(times.wait))
        get_logger().info(
            "job.waits" if ending.event is Event.WAIT and not view.ended else "job.ended",
            status=view.status,
            outcome=ending.event,
            code=view.error.code if view.error else None,
            wait_seconds=round(times.wait, 3),
            run_seconds=round(times.run, 3),
            rows=view.progress.current if view.progress.unit == "rows" else None,
        )

    def _note_start(self, view: JobView, tenant_id: UUID, times: Times) -> None:
        Tally.of_view(view, tenant_id).begun(view.priority, times.wait)
        self.feed.tell(view, tenant_id)
        parent = {"parent_id": str(view.parent_id)} if view.parent_id else {}
        get_logger().info("job.started", **parent)


@dataclass(frozen=True, slots=True)
class Times:
    """How long an attempt waited, by the ledger's clock, and when it began, by this process'."""

    wait: float
    began: float

    @classmethod
    def of(cls, view: JobView, claimed_at: datetime) -> Times:
        """Of an attempt that begins now."""
        due = max(view.available_at, view.created_at)
        return cls(wait=max((claimed_at - due).total_seconds(), 0.0), began=time.monotonic())

    @property
    def run(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


def _read_payload(implementation: Implementation[Any], payload: dict[str, Any]) -> Any:  # noqa: ANN401 - the kind's own
    try:
        return implementation.kind.payload.model_validate(payload)
    except ValidationError as error:
        message = "This worker cannot read the job's payload: it was written by another version. Upgrade the workers."
        raise Permanent(message, code="payload_version") from error


def _count_end(view: JobView, tenant_id: UUID, ending: Ending) -> None:
    tally = Tally.of_view(view, tenant_id)
    if view.ended:
        tally.ended(view.status, (ending.error or Permanent).cause)
    elif ending.event is Event.FAIL_FOR_NOW:
        tally.put_off()
    if view.ended and view.cancel_requested_at and view.finished_at:
        JOB_CANCEL.observe(max((view.finished_at - view.cancel_requested_at).total_seconds(), 0.0))
