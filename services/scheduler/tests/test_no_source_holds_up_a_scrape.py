"""Ledger, broker and storage are looked at side by side, and by one look at a time."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Barrier, Event, Thread

import pytest
from prometheus_client.metrics_core import Metric
from redis.exceptions import ConnectionError as BrokerConnectionError

from wharf.common import metrics
from wharf.scheduler.observing import Observers, of_the_broker

UP = "wharf_collector_up"


def test_several_who_ask_at_once_make_one_look():
    """Two Prometheus and a curious operator cost the ledger no more than one: who comes while it looks waits for it."""
    looks, begun, gate, here = [], Event(), Event(), Barrier(4)

    def look() -> list[Metric]:
        looks.append(1)
        begun.set()
        gate.wait()
        return []

    observers = Observers({"ledger": look})

    def ask(_nth: int) -> list[Metric]:
        here.wait()
        return list(observers.collect())

    with ThreadPoolExecutor(3) as pool:
        answers = pool.map(ask, range(3))
        here.wait()
        begun.wait()
        gate.set()
        first, *others = answers
    assert (looks, others) == ([1], [first, first])


def test_a_source_that_hangs_takes_nothing_from_the_others(observed):
    """It is told of as one that fails, is not asked again while it hangs, and is believed once it answers."""
    gate, begun = Event(), []

    def hangs() -> list[Metric]:
        begun.append(1)
        gate.wait()
        return []

    observers = Observers({"broker": hangs, "ledger": lambda: [metrics.OUTBOX.alone(3)]}, seconds=0.05)
    for _ in range(3):
        observers.shared.forget()
        told = observed(observers.collect())
        assert (told[UP, "broker"], told[UP, "ledger"], told["wharf_outbox_jobs",]) == (0, 1, 3)
    assert begun == [1]
    gate.set()
    while told[UP, "broker"] == 0:
        observers.shared.forget()
        told = observed(observers.collect())


@contextmanager
def hanging_up() -> Iterator[tuple[str, list[int]]]:
    """A server that ends every connection at once: its address, and one entry for each."""
    came: list[int] = []

    def end_all() -> None:
        with suppress(OSError):  # it was shut down
            while True:
                connection, _ = listener.accept()
                came.append(1)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=end_all, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0", came
        listener.shutdown(socket.SHUT_RDWR)


def test_a_broker_that_hangs_up_is_asked_once():
    """Many tries, each later than the one before, would outlast every scrape."""
    with hanging_up() as (address, came), pytest.raises(BrokerConnectionError):
        list(of_the_broker(address))
    assert came == [1]
