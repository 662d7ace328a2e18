from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psutil
import psycopg
import redis

from wharf.local.address import next_redis_database
from wharf.local.trial import Trial, eventually

WITHIN = 10.0
"""Less than a lease lasts: whom the reaper queues again after that is counted too."""
MISSED_AFTER = 8.0
"""Sooner the reconciler misses no message."""
CHILDREN = "SELECT sum(slots)::int FROM wharf.workers WHERE 'maintenance' = ANY (queues)"
RUNNING = "SELECT count(*) FROM wharf.jobs WHERE queue = 'maintenance' AND status = 'running'"
RUNG = """
    SELECT count(*) FROM wharf.jobs WHERE queue = 'maintenance' AND status = 'queued' AND published_at IS NOT NULL"""


@contextmanager
def ends_held_up(wharf: Trial) -> Iterator[None]:
    """While this lasts no job can end: each has to look whether a webhook is to be told."""
    with psycopg.connect(wharf.connection.database_url) as holder:
        holder.execute("LOCK TABLE wharf.webhooks IN ACCESS EXCLUSIVE MODE")
        yield


def echo(wharf: Trial) -> str:
    """Submit a job that has nothing to do; its id."""
    answer = wharf.api.post("/api/v1/tasks/test", params={"message": "hello"})
    return str(answer.raise_for_status().json()["task_id"])


def taken(wharf: Trial, broker: redis.Redis) -> int:
    """Jobs whose message a worker has, and which it has not begun."""
    lists = [key for key in broker.scan_iter("wharf:maintenance*") if broker.type(key) == b"list"]
    return int(wharf.one(RUNG)) - sum(broker.llen(key) for key in lists)


def test_while_the_ledger_writes_an_end_the_worker_has_the_next_message(wharf: Trial) -> None:
    """One for each child, no more, and all jobs end when the ledger goes on."""
    children = int(wharf.one(CHILDREN))
    with redis.Redis.from_url(next_redis_database(wharf.connection.redis_url)) as broker:
        with ends_held_up(wharf):
            job_ids = [echo(wharf) for _ in range(3 * children)]
            eventually(lambda: wharf.one(RUNNING) == children, "a job for each child")
            eventually(lambda: taken(wharf, broker) == children, "a message for each child", WITHIN)
        for job_id in job_ids:
            assert wharf.ended(job_id)["status"] == "completed"
        eventually(partial(nothing_waits, wharf, broker), "the last message")


def test_a_worker_that_is_stopped_puts_back_what_it_held(wharf: Trial) -> None:
    """The next worker has it at once: nobody waits until the ledger misses a message."""
    children, pid = int(wharf.one(CHILDREN)), wharf.connection.processes["maintenance-worker"]
    with redis.Redis.from_url(next_redis_database(wharf.connection.redis_url)) as broker:
        with ends_held_up(wharf):
            job_ids = [echo(wharf) for _ in range(3 * children)]
            eventually(lambda: taken(wharf, broker) == children, "a message for each child", WITHIN)
            os.kill(pid, signal.SIGTERM)
        eventually(lambda: not psutil.pid_exists(pid), "the worker's end", WITHIN)
        eventually(partial(nothing_waits, wharf, broker), "its messages in the broker", MISSED_AFTER)
        for job_id in job_ids:
            assert wharf.ended(job_id)["status"] == "completed"


def nothing_waits(wharf: Trial, broker: redis.Redis) -> bool:
    """No worker holds a message for later."""
    return taken(wharf, broker) == 0
