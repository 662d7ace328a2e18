from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psutil

from wharf.common.queues import Priority
from wharf.local.trial import Trial, eventually

SUBMIT = """
    INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, payload)
    SELECT %s, id, 'default', 'echo', 'maintenance', %s, 'queued', '{"version": 1, "message": "hello"}'
    FROM wharf.tenants WHERE name = 'default' RETURNING id"""
WAITING = 6
STARTED = """
    SELECT id, priority, raised, published_at, started_at FROM wharf.jobs WHERE id = ANY(%s) ORDER BY started_at"""


def published(wharf: Trial, priority: Priority) -> str:
    """The id of a new job that the broker has been told of."""
    job_id = str(wharf.ask(SUBMIT, uuid4(), priority.rank)[0]["id"])
    eventually(lambda: wharf.one("SELECT published_at FROM wharf.jobs WHERE id = %s", job_id), "its message")
    return job_id


@contextmanager
def standing_still(children: list[psutil.Process]) -> Iterator[None]:
    """Processes that do nothing meanwhile."""
    for child in children:
        child.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for child in children:
            child.send_signal(signal.SIGCONT)


def test_an_urgent_job_overtakes_those_that_wait(wharf: Trial) -> None:
    """It starts before all low ones that wait, though they were published first.

    Each slot holds one, and one more may be on its way: the worker asked for it before its slots were full.
    """
    children = psutil.Process(wharf.connection.processes["maintenance-worker"]).children()
    with standing_still(children):
        low = [published(wharf, Priority.LOW) for _ in range(len(children) + WAITING)]
        urgent = published(wharf, Priority.URGENT)
    for job_id in (*low, urgent):
        wharf.ended(job_id)
    started = wharf.ask(STARTED, [*low, urgent])
    before = [str(row["id"]) for row in started].index(urgent)
    assert before <= len(children) + 1, f"{len(children)} slots, and {before} jobs started before it: {started}"
