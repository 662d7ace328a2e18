"""How many jobs a second the workers finish that have nothing to do, beside plain Celery's tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any
from uuid import uuid4

import psutil

from bench.floors import PlainWorker
from bench.jobs import Batch, submit_echoes
from bench.plain_celery import COMMITS, NOOP
from bench.yardstick import standing_still
from wharf.local.connection import Connection

WORKER = "maintenance-worker"


@dataclass(slots=True)
class Noops:
    """Jobs a second of each round, with all of them queued before the workers go on."""

    jobs: int
    wharf: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)

    def ratio(self, floor: str) -> float:
        """The median of the rounds' ratios of Wharf's rate to that floor's."""
        others: list[float] = getattr(self, floor)
        return median(own / other for own, other in zip(self.wharf, others, strict=True))

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self) | {"ratio_to_commits": self.ratio("commits"), "ratio_to_plain": self.ratio("plain")}


@dataclass(frozen=True)
class NoopBench:
    """Measures on a running stack with a plain worker beside it."""

    connection: Connection
    plain: PlainWorker

    def measure(self, jobs: int, rounds: int, on_step: Callable[[], None]) -> Noops:
        """`rounds` of `jobs` jobs each: Wharf's, plain ones with two commits, plain ones."""
        found = Noops(jobs)
        steps: tuple[tuple[list[float], Callable[[], float]], ...] = (
            (found.wharf, lambda: self._echoes(jobs)),
            (found.commits, lambda: self._tasks(COMMITS, jobs)),
            (found.plain, lambda: self._tasks(NOOP, jobs)),
        )
        for number in range(rounds):
            # Who is first changes: a machine that is shared is not the same all the time.
            for rates, step in steps if number % 2 == 0 else reversed(steps):
                rates.append(step())
                on_step()
        return found

    def _echoes(self, jobs: int) -> float:
        batch = Batch.begin(self.connection.database_url, "echo")
        with standing_still(self._workers()):
            submit_echoes(self.connection, jobs)
            batch.await_published(jobs)
        batch.await_completed()
        return jobs / batch.span()

    def _tasks(self, name: str, jobs: int) -> float:
        Batch.begin(self.connection.database_url, "echo")
        run = f"{name}-{uuid4().hex}"
        with standing_still([self.plain.pid]):
            for _ in range(jobs):
                self.plain.app.send_task(name, args=[run, time.time()])
        stamps = self.plain.stamps.wait(run, jobs)
        return jobs / (max(one.ended for one in stamps) - min(one.started for one in stamps))

    def _workers(self) -> list[int]:
        found = [pid for name, pid in self.connection.processes.items() if name.startswith(WORKER)]
        if not all(psutil.pid_exists(pid) for pid in found):
            raise RuntimeError(f"{WORKER} was restarted while it was measured: see its log.")
        return found
