"""The yardsticks as they run beside the stack: on its PostgreSQL, on its Redis, with tables and queues of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import redis
from celery import Celery

from bench import bare_endpoint, plain_celery
from bench.plain_celery import Stamps, make_app
from bench.yardstick import Yardstick, redis_database
from wharf.local.connection import Connection
from wharf.local.ports import HOST, Ports
from wharf.local.services import answers

PLAIN_DATABASE, BARE_DATABASE = 5, 6
"""Numbers of Redis databases that the stack does not use."""
WARMING_TASKS = 50


@dataclass(frozen=True, slots=True)
class PlainWorker:
    """A running plain Celery worker: its application, to send with, and what its tasks wrote."""

    app: Celery
    stamps: Stamps
    pid: int


@contextmanager
def plain_worker(connection: Connection, folder: Path) -> Iterator[PlainWorker]:
    """A worker with as many children as Wharf's, warm."""
    broker = redis_database(connection.redis_url, PLAIN_DATABASE)
    kept = folder / "plain"
    kept.mkdir()
    app, stamps = make_app(broker), Stamps(kept)
    environment = {
        plain_celery.BROKER: broker,
        plain_celery.DATABASE: connection.database_url,
        plain_celery.FOLDER: str(kept),
    }
    with _table(connection, plain_celery.CREATE, plain_celery.DROP), _emptied(broker):
        app.send_task(plain_celery.NOOP, args=["first", time.time()])
        log = folder / "plain.log"
        with Yardstick(("bench.plain_celery",), environment, log, lambda: any(kept.glob("first.*"))) as worker:
            _warm(app, stamps)
            yield PlainWorker(app, stamps, worker.pid)


def _warm(app: Celery, stamps: Stamps) -> None:
    for task in (plain_celery.NOOP, plain_celery.COMMITS):
        run = f"warming-{task}-{uuid4().hex}"
        for _ in range(WARMING_TASKS):
            app.send_task(task, args=[run, time.time()])
        stamps.wait(run, WARMING_TASKS)


@contextmanager
def bare_endpoint_url(connection: Connection, folder: Path) -> Iterator[str]:
    """The address of the bare endpoint, in one process of uvicorn as the gateway is."""
    broker = redis_database(connection.redis_url, BARE_DATABASE)
    kept = folder / "bare"
    kept.mkdir()
    port = Ports(folder / "bare.ports").pick("bare")
    environment = {
        bare_endpoint.BROKER: broker,
        bare_endpoint.DATABASE: connection.database_url,
        bare_endpoint.FOLDER: str(kept),
    }
    command = ("uvicorn", "bench.bare_endpoint:create_app", "--factory", "--host", HOST, "--port", str(port))
    quiet = ("--no-access-log", "--no-server-header", "--log-level", "warning")
    url = f"http://{HOST}:{port}"
    with (
        _table(connection, bare_endpoint.CREATE, bare_endpoint.DROP),
        _emptied(broker),
        Yardstick((*command, *quiet), environment, folder / "bare.log", lambda: answers(f"{url}/livez")),
    ):
        yield url


@contextmanager
def _table(connection: Connection, create: str, drop: str) -> Iterator[None]:
    with psycopg.connect(connection.database_url, autocommit=True) as server:
        server.execute(drop)
        server.execute(create)
        try:
            yield
        finally:
            server.execute(drop)


@contextmanager
def _emptied(broker: str) -> Iterator[None]:
    """Messages that nobody wants any more go at the end."""
    with redis.Redis.from_url(broker) as server:
        try:
            yield
        finally:
            server.flushdb()
