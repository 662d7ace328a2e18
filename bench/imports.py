"""Imports through the API beside a bare COPY of the same file: new rows, both into an empty keyed table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from psycopg import sql

from bench.bare_copy import bare_copy
from bench.memory import PeakMemory
from wharf.client.api import WharfClient
from wharf.client.job import Job
from wharf.local.connection import Connection
from wharf.local.samples import write_transactions

LONGEST = 1800.0
ASK_SECONDS = 0.01
LARGE_ROWS = 500_000
WARMING_ROWS = 1000
WARMING_FILES = 4
DATASET = """
SELECT d.schema_name, d.table_name FROM wharf.datasets d JOIN wharf.tenants t ON t.id = d.tenant_id
WHERE t.name = 'default' AND d.profile = 'transactions'
"""


@dataclass(frozen=True, slots=True)
class Round:
    """One file, loaded both ways; seconds. `submitted` to the 202, `waited` until a worker took it."""

    copied: float
    imported: float
    submitted: float
    waited: float
    peak_memory: int


@dataclass(slots=True)
class Size:
    """All rounds of one size of file."""

    rows: int
    bytes: int = 0
    rounds: list[Round] = field(default_factory=list)

    def median(self, of: str) -> float:
        """The median of that field of the rounds."""
        return float(median([getattr(one, of) for one in self.rounds]))

    @property
    def ratio(self) -> float:
        """The import's speed as a part of the bare COPY's."""
        return self.median("copied") / self.median("imported")

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self) | {"ratio": self.ratio}


def warm_up(wharf: WharfClient, folder: Path) -> None:
    """Let every worker process have imported something, and the dataset exist."""
    jobs = []
    for number in range(WARMING_FILES):
        path = folder / f"warming-{number}.csv"
        write_transactions(path, WARMING_ROWS, seed=number, most_lines=1, totals=True, prefix=f"W{number}-")
        jobs.append(wharf.upload(path, profile="transactions")["job_id"])
    for job_id in jobs:
        completed(wharf.wait(job_id, timeout=LONGEST))


@dataclass(frozen=True)
class ImportBench:
    """Measures on a running stack; `folder` holds the files, `workers` are the pids of the workers that import."""

    connection: Connection
    wharf: WharfClient
    folder: Path
    workers: tuple[int, ...]

    def measure(self, rows: int, rounds: int, on_round: Callable[[], None]) -> Size:
        """`rounds` files of `rows` rows; which way comes first changes from round to round."""
        size = Size(rows)
        for number in range(rounds):
            path = self.folder / f"{rows}-{number}.csv"
            prefix = f"N{rows}R{number}-"
            write_transactions(path, rows, seed=number, most_lines=1, totals=True, prefix=prefix)
            size.bytes = path.stat().st_size
            size.rounds.append(self._round(path, rows, copy_first=number % 2 == 0))
            path.unlink()
            on_round()
        return size

    def _round(self, path: Path, rows: int, *, copy_first: bool) -> Round:
        copied = self._copy(path, rows) if copy_first else 0.0
        imported, submitted, job, peak = self._import(path, rows)
        copied = copied or self._copy(path, rows)
        return Round(copied, imported, submitted, _between(job, "created_at", "started_at"), peak)

    def _copy(self, path: Path, rows: int) -> float:
        settle(self.connection.database_url)
        return bare_copy(self.connection.database_url, path, rows)

    def _import(self, path: Path, rows: int) -> tuple[float, float, Job, int]:
        settle(self.connection.database_url)
        with PeakMemory(*self.workers) as memory:
            started = time.perf_counter()
            answer = self.wharf.upload(path, profile="transactions")
            submitted = time.perf_counter()
            job = ended(self.wharf, answer["job_id"], rows)
            seconds = time.perf_counter() - started
        result = completed(job)
        if result["inserted"] != rows:
            raise RuntimeError(f"{result['inserted']} rows were inserted instead of {rows}.")
        return seconds, submitted - started, job, memory.peak


def settle(database_url: str) -> None:
    """Whoever comes next begins with an empty table, and with nothing to be written that another one left."""
    with psycopg.connect(database_url, autocommit=True) as ledger:
        place = ledger.execute(DATASET).fetchone()
        if place:
            schema, dataset = place
            tables = sql.SQL(", ").join(sql.Identifier(schema, table) for table in (dataset, f"_was_{dataset}"))
            ledger.execute(sql.SQL("TRUNCATE {}").format(tables))
    checkpoint(database_url)


def checkpoint(database_url: str) -> None:
    """Nothing is left to be written by what comes next."""
    with psycopg.connect(database_url, autocommit=True) as ledger:
        ledger.execute("CHECKPOINT")


def completed(job: Job) -> dict[str, Any]:
    """The result of an import; raises RuntimeError where it has none."""
    if not job.succeeded or job.result is None:
        raise RuntimeError(f"The import {job.job_id} ended as {job.status}: {job.error}")
    return job.result


def _between(job: Job, first: str, second: str) -> float:
    moments = [datetime.fromisoformat(job.document[name]) for name in (first, second)]
    return (moments[1] - moments[0]).total_seconds()


def ended(wharf: WharfClient, job_id: str, rows: int) -> Job:
    """The job at its end: a small one is asked for, which is sooner."""
    return wharf.wait(job_id, timeout=LONGEST, interval=ASK_SECONDS) if rows < LARGE_ROWS else followed(wharf, job_id)


def followed(wharf: WharfClient, job_id: str) -> Job:
    """The job at its end, as it tells of itself: each question takes the processor from a large one."""
    *_, last = wharf.follow(job_id)
    return last
