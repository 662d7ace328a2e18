"""How long Wharf needs to go on: after kill -9 of a worker, after a restart of the broker."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil
import psycopg
import redis

from tests.chaos.faults import KILLS_OF_WORKERS, Fault
from tests.chaos.stack import Chaos
from wharf.local.trial import eventually

RETURN_SECONDS = 60.0
BUSY_SECONDS = 3.0
LEASES = "SELECT job_id, attempt, worker FROM wharf.leases"
NEXT_START = """
    SELECT (SELECT min(n.started_at) FROM wharf.attempts n WHERE n.job_id = a.job_id AND n.attempt > a.attempt) AS again
    FROM wharf.attempts a WHERE a.job_id = %s AND a.attempt = %s AND a.outcome = 'die'
"""
FIRST_START = "SELECT min(started_at) FROM wharf.attempts WHERE started_at > %s"


@dataclass(frozen=True)
class Orphaned:
    """An attempt whose worker was killed."""

    at: datetime
    job_id: str
    attempt: int
    why: str


@dataclass
class Recovery:
    """Notes what a kill interrupts, and asks the ledger afterwards when it went on. Seconds, sorted."""

    chaos: Chaos
    orphaned: list[Orphaned] = field(default_factory=list)
    returned: list[datetime] = field(default_factory=list)

    def inject(self, fault: Fault) -> None:
        """Begin a fault; a kill of a worker or a restart of the broker is remembered."""
        before = self._leases() if fault in KILLS_OF_WORKERS else {}
        fault.inject(self.chaos)
        at = datetime.now(UTC)
        self.orphaned += [
            Orphaned(at, row["job_id"], row["attempt"], fault.name) for pid, row in before.items() if not _runs(pid)
        ]
        if fault.name in {"restart redis", "kill redis"}:
            self._await_redis()

    def after_kills(self) -> list[float]:
        """From each kill to the start of the next attempt of the job that it interrupted."""
        return sorted(seconds for _, seconds in self.waits())

    def waits(self) -> Iterator[tuple[Orphaned, float]]:
        """What each interrupted job waited, in the order of the kills."""
        for orphaned in self.orphaned:
            rows = self.chaos.trial.ask(NEXT_START, orphaned.job_id, orphaned.attempt)
            if rows and rows[0]["again"]:
                yield orphaned, (rows[0]["again"] - orphaned.at).total_seconds()

    def after_restarts(self) -> list[float]:
        """From the moment that the broker answered again to the first start of an attempt."""
        starts = [(at, self.chaos.trial.one(FIRST_START, at)) for at in self.returned]
        return sorted((start - at).total_seconds() for at, start in starts if start)

    def _leases(self) -> dict[int, dict[str, Any]]:
        """By the process that holds it; waits a little for one, since a kill of an idle worker tells nothing."""
        with suppress(psycopg.OperationalError, TimeoutError):
            found = eventually(lambda: self.chaos.trial.ask(LEASES), "a job that runs", BUSY_SECONDS)
            return {int(row["worker"].rpartition(":")[2]): row for row in found}
        return {}

    def _await_redis(self) -> None:
        with suppress(TimeoutError):
            eventually(self._redis_answers, "Redis", RETURN_SECONDS)
            self.returned.append(datetime.now(UTC))

    def _redis_answers(self) -> bool:
        try:
            with self.chaos.broker() as broker:
                return bool(broker.ping()) and broker.info("server")["uptime_in_seconds"] < RETURN_SECONDS
        except redis.RedisError:
            return False


def _runs(pid: int) -> bool:
    """Whether a process lives; one that was killed a moment ago may still be there as a zombie."""
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return False
            os.kill(pid, 0)
        except (psutil.NoSuchProcess, ProcessLookupError):
            return False
        time.sleep(0.02)
    return True


def percentile(values: list[float], part: float) -> float:
    """Of sorted values; 0 where there are none."""
    return values[min(int(len(values) * part), len(values) - 1)] if values else 0.0
