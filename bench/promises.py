"""What the five systems' documents promise or ask for, measured here: their number beside ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.memory import PeakMemory
from bench.submits import percentile
from wharf.client.api import WharfClient
from wharf.local.samples import write_transactions

LONGEST = 600.0
ASK_SECONDS = 0.01
DISPATCHES = 30
CANCELLED_ROWS = 1_000_000
WATCHED_ROWS = 500_000
PROMISES = 6


@dataclass(frozen=True, slots=True)
class Promise:
    """One number: whose it is, what it says, theirs and ours."""

    system: str
    what: str
    theirs: str
    ours: str
    value: float

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self)


@dataclass(frozen=True)
class PromiseBench:
    """Measures on a running stack; `workers` are the pids of the workers that import."""

    wharf: WharfClient
    folder: Path
    workers: tuple[int, ...]

    def measure(self, on_step: Callable[[], None]) -> list[Promise]:
        """Every number, one after the other."""
        steps = (self._ten_thousand, self._thousand, self._dispatch, self._cancel, self._five, self._responsive)
        found = []
        for step in steps:
            found.extend(step())
            on_step()
        return found

    def _ten_thousand(self) -> list[Promise]:
        with PeakMemory(*self.workers) as memory:
            seconds = self._import(10_000, "P10")
        megabytes = memory.peak / 1e6
        return [
            Promise("AYNI", "10,000 rows", "45 s (< 60 s asked)", f"{seconds:.2f} s", seconds),
            Promise("pricing agent", "memory of a worker", "< 500 MB", f"{megabytes:.0f} MB", megabytes),
        ]

    def _thousand(self) -> list[Promise]:
        seconds = self._import(1_000, "P1")
        return [Promise("AYNI", "1,000 rows", "3 s (< 5 s asked)", f"{seconds:.2f} s", seconds)]

    def _five(self) -> list[Promise]:
        seconds = self._import(5, "P5")
        return [Promise("pricing agent", "5 rows", "< 1 s", f"{seconds:.2f} s", seconds)]

    def _dispatch(self) -> list[Promise]:
        path = self._file(20, "PD")
        times = []
        for _ in range(DISPATCHES):
            started = time.perf_counter()
            answer = self.wharf.upload(path, profile="transactions")
            times.append(time.perf_counter() - started)
            self.wharf.wait(answer["job_id"], timeout=LONGEST)
        shown = f"{1000 * median(times):.0f} ms"
        return [Promise("AYNI", "until the answer to a submit", "50 ms (< 100 ms asked)", shown, median(times))]

    def _cancel(self) -> list[Promise]:
        job_id = self.wharf.upload(self._file(CANCELLED_ROWS, "PC"), profile="transactions")["job_id"]
        while self.wharf.job(job_id).document["progress"]["stage"] != "load":
            time.sleep(ASK_SECONDS)
        started = time.perf_counter()
        self.wharf.cancel(job_id)
        ended = self.wharf.wait(job_id, timeout=LONGEST, interval=ASK_SECONDS)
        seconds = time.perf_counter() - started
        if ended.status != "cancelled":
            raise RuntimeError(f"The import ended as {ended.status} before it could be cancelled.")
        return [Promise("pricing agent", "from cancel to the end", "< 2 s", f"{seconds:.2f} s", seconds)]

    def _responsive(self) -> list[Promise]:
        """How long a page waits for its poll while rows are loaded; 5,000 rows are done before a second poll."""
        job_id = self.wharf.upload(self._file(WATCHED_ROWS, "PR"), profile="transactions")["job_id"]
        polls = [self._poll(job_id)]
        while not polls[-1][1]:
            time.sleep(ASK_SECONDS)
            polls.append(self._poll(job_id))
        slow = percentile([seconds for seconds, _ in polls], 95)
        seconds = self._import(5_000, "P50")
        shown = f"{seconds:.2f} s; p95 of a poll {1000 * slow:.0f} ms"
        return [Promise("pricing agent", "5,000 rows, and the page responds", "responsive", shown, seconds)]

    def _poll(self, job_id: str) -> tuple[float, bool]:
        """How long the answer took, and whether the job has ended."""
        started = time.perf_counter()
        job = self.wharf.job(job_id)
        return time.perf_counter() - started, job.ended

    def _import(self, rows: int, prefix: str) -> float:
        path = self._file(rows, prefix)
        started = time.perf_counter()
        answer = self.wharf.upload(path, profile="transactions")
        job = self.wharf.wait(answer["job_id"], timeout=LONGEST, interval=ASK_SECONDS)
        seconds = time.perf_counter() - started
        if not job.succeeded or job.result is None or job.result["inserted"] != rows:
            raise RuntimeError(f"The import of {rows} rows ended as {job.status}: {job.error or job.result}")
        return seconds

    def _file(self, rows: int, prefix: str) -> Path:
        path = self.folder / f"{prefix}-{time.monotonic_ns()}.csv"
        write_transactions(path, rows, seed=rows, most_lines=1, totals=True, prefix=f"{prefix}{time.monotonic_ns()}-")
        return path
