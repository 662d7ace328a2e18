"""Echo jobs of the running stack: submitted through the API, watched in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import psycopg

from bench.caller import Call, Caller
from wharf.local.connection import Connection
from wharf.local.trial import eventually

CLIENTS = 8
LONGEST = 600.0
# More than a measurement has jobs: what is measured is not how admission holds a flood back.
LIMITS = "UPDATE wharf.tenants SET limits = %s::jsonb WHERE name = 'default'"
ROOM = '{"published": 100000}'
# Each minute the installation sends a job of its own through each queue.
SINCE = "kind = %s AND created_at >= %s AND label <> 'canary'"
CREATED = f"SELECT count(*) FROM wharf.jobs WHERE {SINCE}"
UNPUBLISHED = CREATED + " AND status = 'queued' AND published_at IS NULL"
# In the words of two indexes: it is asked often, and reading all jobs ever made would slow down what is measured.
ADMITTED, WAITING = "admitted AND status IN ('queued', 'running', 'cancelling')", "status = 'queued' AND NOT admitted"
LIVE = CREATED + f" AND ({ADMITTED} OR {WAITING})"
UNDONE = CREATED + " AND status <> 'completed'"
SPAN = f"SELECT extract(epoch FROM max(finished_at) - min(started_at))::float FROM wharf.jobs WHERE {SINCE}"
WAITS = f"SELECT extract(epoch FROM started_at - created_at)::float FROM wharf.jobs WHERE {SINCE}"


@contextmanager
def room(database_url: str) -> Iterator[None]:
    """While this lasts the tenant may have all of a measurement's jobs published."""
    with psycopg.connect(database_url, autocommit=True) as ledger:
        ledger.execute(LIMITS, (ROOM,))
        try:
            yield
        finally:
            ledger.execute(LIMITS, ("{}",))


@dataclass(frozen=True, slots=True)
class Batch:
    """All jobs of one kind from a moment of the server's clock on."""

    database_url: str
    kind: str
    since: Any

    @classmethod
    def begin(cls, database_url: str, kind: str) -> Batch:
        """From now on; the tables are written to the disk first, so that no measurement pays for the one before."""
        with psycopg.connect(database_url, autocommit=True) as ledger:
            ledger.execute("CHECKPOINT")
            row = ledger.execute("SELECT clock_timestamp()").fetchone()
        return cls(database_url, kind, row[0] if row else None)

    def await_published(self, count: int) -> None:
        """Until the broker has a message of each of `count` jobs."""
        self._await(lambda ask: ask(CREATED) >= count and ask(UNPUBLISHED) == 0, "all jobs to be published")

    def await_completed(self) -> None:
        """Until all have ended; raises `RuntimeError` where one did not complete."""
        self._await(lambda ask: ask(LIVE) == 0, "all jobs to end")
        undone = self._ask(UNDONE)[0][0]
        if undone:
            raise RuntimeError(f"{undone} jobs of kind {self.kind} did not complete.")

    def live(self) -> int:
        """How many have not ended."""
        return int(self._ask(LIVE)[0][0])

    def span(self) -> float:
        """Seconds from the first start to the last end."""
        return float(self._ask(SPAN)[0][0])

    def waits(self) -> list[float]:
        """Seconds from each job's creation to its start."""
        return [float(wait) for (wait,) in self._ask(WAITS)]

    def _ask(self, query: str) -> list[Any]:
        with psycopg.connect(self.database_url) as ledger:
            return ledger.execute(query, (self.kind, self.since)).fetchall()

    def _await(self, question: Callable[[Callable[[str], int]], bool], what: str) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as ledger:

            def ask(query: str) -> int:
                row = ledger.execute(query, (self.kind, self.since)).fetchone()
                return int(row[0]) if row else 0

            eventually(lambda: question(ask), what, LONGEST)


def echo_call(connection: Connection) -> Call:
    """The request that makes an echo job."""
    headers = {"Authorization": f"Bearer {connection.api_key}"}
    return Call("/api/v1/tasks/test?message=bench", headers, b"", HTTPStatus.OK)


def submit_echoes(connection: Connection, count: int) -> None:
    """`count` echo jobs, as fast as a few clients get their answers."""
    call = echo_call(connection)

    def send(share: int) -> None:
        with Caller(connection.url) as caller:
            for _ in range(share):
                caller.send(call)

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(send, [count // CLIENTS] * (CLIENTS - 1) + [count - count // CLIENTS * (CLIENTS - 1)]))
