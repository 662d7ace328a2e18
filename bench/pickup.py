"""How long a job waits for a worker that has nothing else to do, beside plain Celery's tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from threading import local
from typing import Any
from uuid import uuid4

from bench.caller import Caller
from bench.floors import PlainWorker
from bench.jobs import Batch, echo_call
from bench.plain_celery import NOOP
from wharf.local.connection import Connection

RATE = 50
"""Jobs a second."""
CLIENTS = 4


@dataclass(slots=True)
class Pickup:
    """Seconds. `wharf` from a job's creation to its start, `plain` from before `send_task` to the task's first line."""

    seconds: float
    rate: int = RATE
    wharf: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self)


def measure_pickup(connection: Connection, plain: PlainWorker, seconds: float, on_sent: Callable[[], None]) -> Pickup:
    """`RATE` jobs a second for `seconds`: first Wharf's, then plain ones."""
    found = Pickup(seconds)
    count = int(RATE * seconds)
    batch = Batch.begin(connection.database_url, "echo")
    _send_echoes(connection, count, on_sent)
    batch.await_published(count)
    batch.await_completed()
    found.wharf = batch.waits()
    run = f"pickup-{uuid4().hex}"

    def send() -> None:
        plain.app.send_task(NOOP, args=[run, time.time()])
        on_sent()

    _steadily(count, send)
    found.plain = [one.started - one.sent for one in plain.stamps.wait(run, count)]
    return found


def _send_echoes(connection: Connection, count: int, on_sent: Callable[[], None]) -> None:
    call = echo_call(connection)
    own = local()

    def send() -> None:
        if not hasattr(own, "caller"):
            own.caller = Caller(connection.url)
        own.caller.send(call)
        on_sent()

    _steadily(count, send)


def _steadily(count: int, send: Callable[[], None]) -> None:
    started = time.perf_counter() + 0.1

    def when_due(number: int) -> None:
        time.sleep(max(started + number / RATE - time.perf_counter(), 0.0))
        send()

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(when_due, range(count)))
