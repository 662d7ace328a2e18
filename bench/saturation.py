"""How many files a second are taken in when clients send as fast as they can, beside a bare endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

from bench.caller import Call, Caller, form_body
from bench.jobs import Batch
from bench.submits import ROWS
from bench.yardstick import standing_still
from wharf.local.connection import Connection
from wharf.local.samples import write_transactions

CLIENTS = 16
WORKER = "ingest-worker"
PROJECT = "saturation"
WARMING_SECONDS = 0.5


@dataclass(slots=True)
class Side:
    """Each turn's rate (answers a second) and all answers' latencies in seconds."""

    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def run(self, url: str, calls: list[Call], seconds: float) -> int:
        """One turn: as many clients as there are calls, each sends its own again and again; how many were answered."""
        with ThreadPoolExecutor(len(calls)) as clients:
            started = time.perf_counter()
            found = list(clients.map(lambda call: _send(url, call, started + seconds), calls))
            elapsed = time.perf_counter() - started
        latencies = [latency for own in found for latency in own]
        self.latencies += latencies
        self.rates.append(len(latencies) / elapsed)
        return len(latencies)


@dataclass(slots=True)
class Saturation:
    """Both sides, and how long after a turn's last 202 the broker had all of its messages (seconds, the longest)."""

    bytes: int
    clients: int = CLIENTS
    wharf: Side = field(default_factory=Side)
    bare: Side = field(default_factory=Side)
    published: float = 0.0
    drained: float = 0.0

    @property
    def ratio(self) -> float:
        """The median of the turns' ratios of Wharf's rate to the bare one's."""
        return median(own / other for own, other in zip(self.wharf.rates, self.bare.rates, strict=True))

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self) | {"ratio": self.ratio}


@dataclass(frozen=True)
class SaturationBench:
    """Measures on a running stack with the bare endpoint beside it (`bare_url`)."""

    connection: Connection
    folder: Path
    bare_url: str

    def measure(self, seconds: float, turns: int, on_turn: Callable[[], None]) -> Saturation:
        """`turns` of `seconds` for each side, each first in every other one; no worker takes anything meanwhile."""
        files = [self._file(number) for number in range(CLIENTS)]
        found = Saturation(files[0].stat().st_size)
        own, bare = [self._call(file) for file in files], [_bare_call(file) for file in files]
        begun = Batch.begin(self.connection.database_url, "import")
        with standing_still(self._workers()):
            # The first requests open connections and threads.
            Side().run(self.bare_url, bare, WARMING_SECONDS)
            self._turn(Saturation(0), own, WARMING_SECONDS)
            sides: list[Callable[[], None]] = [
                lambda: self._turn(found, own, seconds),
                lambda: self._bare_turn(found, bare, seconds),
            ]
            for number in range(turns):
                for side in sides[:: -1 if number % 2 else 1]:
                    side()
                    on_turn()
        resumed = time.perf_counter()
        begun.await_completed()
        found.drained = time.perf_counter() - resumed
        on_turn()
        return found

    def _turn(self, found: Saturation, calls: list[Call], seconds: float) -> None:
        batch = Batch.begin(self.connection.database_url, "import")
        count = found.wharf.run(self.connection.url, calls, seconds)
        ended = time.perf_counter()
        batch.await_published(count)
        found.published = max(found.published, time.perf_counter() - ended)

    def _bare_turn(self, found: Saturation, calls: list[Call], seconds: float) -> None:
        Batch.begin(self.connection.database_url, "import")
        found.bare.run(self.bare_url, calls, seconds)

    def _workers(self) -> list[int]:
        return [pid for name, pid in self.connection.processes.items() if name.startswith(WORKER)]

    def _file(self, number: int) -> Path:
        path = self.folder / f"saturation-{number}.csv"
        write_transactions(path, ROWS, seed=number, most_lines=1, totals=True, prefix=f"F{number}-")
        return path

    def _call(self, file: Path) -> Call:
        kind, body = form_body(file, profile="transactions", project_id=PROJECT)
        headers = {"Authorization": f"Bearer {self.connection.api_key}", "Content-Type": kind}
        return Call("/api/v1/uploads", headers, body, HTTPStatus.ACCEPTED)


def _bare_call(file: Path) -> Call:
    kind, body = form_body(file)
    return Call("/uploads", {"Content-Type": kind}, body, HTTPStatus.ACCEPTED)


def _send(url: str, call: Call, until: float) -> list[float]:
    latencies = []
    with Caller(url) as caller:
        while (started := time.perf_counter()) < until:
            caller.send(call)
            latencies.append(time.perf_counter() - started)
    return latencies
