"""Counters that begin at zero when their process does.

One that is first seen with its first event has no rise for Prometheus: the alert on the first failure would be silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from wharf.common.jobs.kinds import Kind
from wharf.common.jobs.states import ENDED
from wharf.common.jobs.tally import CANARY
from wharf.common.metrics import (
    JOB_RETRIES,
    JOB_RUN,
    JOB_WAIT,
    JOBS_FAILED,
    JOBS_FINISHED,
    JOBS_REDISPATCHED,
    JOBS_SUBMITTED,
    PRIORITY_WAIT,
    PUBLISHED,
    SCHEDULE_MISSED,
    STORAGE_ERRORS,
    WEBHOOK_DELIVERIES,
)
from wharf.common.queues import Priority, Queue

CAUSES = ("input", "permanent", "exhausted", "died")
REASONS = ("retry", "unpublished", "aged", "lost", "given_back", "reaped")
OF_STORAGE = ("stored_file_missing", "storage_full", "storage_unavailable")
OF_DELIVERIES = ("delivered", "retried", "failed", "disabled", "lost")
TENANTS = "tenants"
"""What the metrics call the schedules of tenants: their number has no bound."""


def of_a_worker(kinds: Iterable[Kind[Any]], queues: Iterable[Queue]) -> None:
    """What its children count: jobs of those kinds, on those queues."""
    _of_storage()
    served = tuple(queues)
    for queue in served:
        JOB_WAIT.labels(queue)
    for priority in Priority:
        PRIORITY_WAIT.labels(priority)
    for name in (*(kind.name for kind in kinds), CANARY):
        JOB_RUN.labels(name)
        JOB_RETRIES.labels(name)
        _of_ends(name, served)


def of_a_scheduler(kinds: Iterable[Kind[Any]], schedules: Iterable[str]) -> None:
    """What the dispatcher, the schedules and the sender of webhooks count."""
    _of_storage()
    _of_submits(kinds)
    for reason in REASONS:
        JOBS_REDISPATCHED.labels(reason)
    for schedule in (*schedules, TENANTS):
        SCHEDULE_MISSED.labels(schedule)
    for outcome in OF_DELIVERIES:
        WEBHOOK_DELIVERIES.labels(outcome)
    for kind in kinds:
        _of_ends(kind.name, [kind.queue])
    _of_ends(CANARY, Queue)


def of_a_gateway(kinds: Iterable[Kind[Any]]) -> None:
    """What submits count."""
    _of_storage()
    _of_submits(kinds)


def _of_ends(kind: str, queues: Iterable[Queue]) -> None:
    for queue in queues:
        for status in ENDED:
            JOBS_FINISHED.labels(kind, queue, status)
        for cause in CAUSES:
            JOBS_FAILED.labels(kind, queue, cause)


def _of_submits(kinds: Iterable[Kind[Any]]) -> None:
    for kind, priority in product(kinds, Priority):
        JOBS_SUBMITTED.labels(kind.name, kind.queue, priority)
    for queue in Queue:
        PUBLISHED.labels(queue)


def _of_storage() -> None:
    for code in OF_STORAGE:
        STORAGE_ERRORS.labels(code)
