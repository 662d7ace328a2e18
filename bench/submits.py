"""How long a client waits for the 202 of a small file, at a steady rate, while the workers import what came before."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from wharf.client.api import WharfClient
from wharf.local.samples import write_transactions

RATE = 50
"""Files a second."""
ROWS = 95
"""Of about 10 kB."""
CLIENTS = 16
PROJECT = "submits"
LONGEST = 300.0


@dataclass(slots=True)
class Submits:
    """Seconds. `latencies` from when a file was due to its 202, `waits` from its job's creation to a worker."""

    seconds: float
    bytes: int
    rate: int = RATE
    latencies: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    drained: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self)


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def measure_submits(wharf: WharfClient, folder: Path, seconds: float, on_sent: Callable[[], None]) -> Submits:
    """Send `RATE` files a second for `seconds`, each with rows of its own; wait until all are imported.

    The schedule does not wait for answers: a file that is sent late counts as late from when it was due.
    """
    count = int(RATE * seconds)
    paths = [folder / f"submit-{number}.csv" for number in range(count)]
    for number, path in enumerate(paths):
        write_transactions(path, ROWS, seed=number, most_lines=1, totals=True, prefix=f"S{number}-")
    found = Submits(seconds, paths[0].stat().st_size)
    started = time.perf_counter() + 0.1

    def send(number: int) -> tuple[str, float]:
        due = started + number / RATE
        time.sleep(max(due - time.perf_counter(), 0.0))
        answer = wharf.upload(paths[number], profile="transactions", project_id=PROJECT)
        latency = time.perf_counter() - due
        on_sent()
        return answer["job_id"], latency

    with ThreadPoolExecutor(CLIENTS) as clients:
        sent = list(clients.map(send, range(count)))
    found.latencies = [latency for _, latency in sent]
    last = time.perf_counter()
    for job_id, _ in sent:
        job = wharf.wait(job_id, timeout=LONGEST, interval=0.05)
        if not job.succeeded:
            raise RuntimeError(f"The import {job_id} ended as {job.status}: {job.error}")
        found.waits.append(_wait(job.document))
    found.drained = time.perf_counter() - last
    return found


def _wait(document: dict[str, Any]) -> float:
    created, started = (datetime.fromisoformat(document[name]) for name in ("created_at", "started_at"))
    return (started - created).total_seconds()
