"""The yardstick of jobs: plain Celery with the tasks that a job is compared with. Run as a module it is the worker."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import psycopg
from celery import Celery

NOOP, COMMITS = "plain.noop", "plain.commits"
QUEUE = "plain"
BROKER, DATABASE, FOLDER = "BENCH_BROKER_URL", "BENCH_DATABASE_URL", "BENCH_FOLDER"
CREATE = "CREATE TABLE plain_jobs (id uuid PRIMARY KEY, status text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
DROP = "DROP TABLE IF EXISTS plain_jobs"
BEGIN = "INSERT INTO plain_jobs (id, status) VALUES (%s, 'running')"
END = "UPDATE plain_jobs SET status = 'completed' WHERE id = %s"
RECORD = struct.Struct("ddd")
WORKER = ("--quiet", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
ASK_SECONDS = 0.02


class Stamp(NamedTuple):
    """When a task was sent, started and ended; seconds since the epoch."""

    sent: float
    started: float
    ended: float


@dataclass(frozen=True)
class Stamps:
    """What the tasks of one run wrote into their files below `folder`: one for each worker process."""

    folder: Path

    def wait(self, run: str, count: int, within: float = 120.0) -> list[Stamp]:
        """The run's stamps as soon as there are so many; `TimeoutError` where they do not come."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if sum(path.stat().st_size for path in self._files(run)) >= count * RECORD.size:
                return [Stamp._make(values) for path in self._files(run) for values in read_stamps(path)]
            time.sleep(ASK_SECONDS)
        raise TimeoutError(f"The {count} plain tasks of {run} did not end within {within:.0f} s.")

    def _files(self, run: str) -> list[Path]:
        return list(self.folder.glob(f"{run}.*"))


def read_stamps(path: Path) -> Iterator[tuple[float, ...]]:
    """All records of one process."""
    return RECORD.iter_unpack(path.read_bytes())


def make_app(broker_url: str) -> Celery:
    """Celery as it comes, delivering as Wharf's does: early acknowledgement, nothing fetched ahead, no results."""
    app = Celery("plain", broker=broker_url)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
    )
    app.task(noop, name=NOOP)
    app.task(commits, name=COMMITS)
    return app


def noop(run: str, sent: float) -> None:
    """Nothing but to say when."""
    started = time.time()
    _stamp(run, sent, started)


def commits(run: str, sent: float) -> None:
    """Two bare commits: the least that a ledger of jobs can cost."""
    started = time.time()
    connection, job_id = _connection(), uuid4()
    connection.execute(BEGIN, (job_id,))
    connection.commit()
    connection.execute(END, (job_id,))
    connection.commit()
    _stamp(run, sent, started)


def _stamp(run: str, sent: float, started: float) -> None:
    os.write(_file(run), RECORD.pack(sent, started, time.time()))


# Both are first asked for in a child, after the fork: nothing that is open is shared.
@cache
def _file(run: str) -> int:
    return os.open(Path(os.environ[FOLDER]) / f"{run}.{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


@cache
def _connection() -> psycopg.Connection:
    return psycopg.connect(os.environ[DATABASE])


def main() -> None:
    """Work until told to stop."""
    make_app(os.environ[BROKER]).worker_main([*WORKER, "--concurrency", os.environ.get("WHARF_CONCURRENCY", "2")])


if __name__ == "__main__":
    main()
