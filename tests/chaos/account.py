"""The total account: what is really there, by SQL as the superuser and by looking into the folders.

What jobs say of themselves is no evidence: a row is there when it is in the dataset.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.chaos.stack import Chaos
from wharf.common.storage import CLOCK
from wharf.local.samples import Expected
from wharf.local.trial import eventually

TERMINAL = frozenset({"completed", "failed", "cancelled"})
LAST = frozenset({"complete", "fail", "stop"})
"""Outcomes of an attempt after which there is no other one."""
TIDY_SECONDS = 45.0
LOOK_SECONDS = 0.1

JOBS = """
    SELECT j.id::text, j.label, j.project_id, j.status, j.finished_at, j.error ->> 'code' AS code,
           j.payload ->> 'import_id' AS import,
           array(SELECT coalesce(a.outcome, 'open') FROM wharf.attempts a WHERE a.job_id = j.id ORDER BY a.attempt)
               AS outcomes,
           (SELECT count(*) FROM wharf.data_updates u WHERE u.job_id = j.id) AS updates,
           (SELECT count(*) FROM wharf.rejects r WHERE r.import_id = (j.payload ->> 'import_id')::uuid) AS rejects
    FROM wharf.jobs j WHERE j.label = ANY(%s)
"""
ROWS = """
    SELECT _import_id::text AS import, count(*), coalesce(sum(total), 0) AS total FROM {}
    WHERE project_id = ANY(%s) GROUP BY 1
"""
STAGING = "SELECT relname FROM pg_class WHERE relname LIKE 'staging\\_%%' AND relkind = 'r'"
LEASES = "SELECT job_id::text FROM wharf.leases"
KEYS = """
    SELECT storage_key FROM wharf.uploads
    UNION SELECT concat_ws('/', 'packages', tenant_id, result ->> 'made_by', file ->> 'name')
    FROM wharf.jobs, jsonb_array_elements(result -> 'files') file WHERE kind = 'package' AND status = 'completed'"""


@dataclass
class Wrongs:
    """What the account found, by category; `failed` are jobs that did though their file was good."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {name: len(found) for name, found in vars(self).items()}

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return any(vars(self).values())

    def __str__(self) -> str:
        """A line for each."""
        return (
            "\n".join(f"{name}: {line}" for name, found in vars(self).items() for line in found) or "nothing is wrong"
        )


@dataclass(frozen=True)
class Account:
    """What was submitted to a stack, and what must have become of it.

    `expected` is by the name of the file, which no two submits share; `held` are the ids that 202 answers gave.
    """

    chaos: Chaos
    expected: dict[str, Expected]
    held: dict[str, str]

    def settled(self, within: float, tell: Callable[[], object] = lambda: None) -> Wrongs:
        """Wait for the end of every job and of all tidying, then make the account; `tell` is called while it waits."""
        with suppress(TimeoutError):  # what is stuck or left then stands in the account
            self._await(self._all_ended, "the end of every job", within, tell)
            self._await(self._nothing_left, "nothing being left", TIDY_SECONDS, tell)
        return self.make()

    @staticmethod
    def _await(question: Callable[[], bool], what: str, within: float, tell: Callable[[], object]) -> None:
        def holds() -> bool:
            tell()
            time.sleep(LOOK_SECONDS)  # the look itself is work for the servers
            return answered(question)

        eventually(holds, what, within)

    def make(self) -> Wrongs:
        """The account of this moment."""
        wrongs = Wrongs(left=self._left())
        jobs = self.chaos.trial.ask(JOBS, list(self.expected))
        self._note_missing(wrongs, jobs)
        projects = list({job["project_id"] for job in jobs})
        found = self.chaos.trial.ask(ROWS.format(self.chaos.trial.dataset()), projects)
        rows = {row["import"]: row for row in found}
        for job in jobs:
            self._judge(wrongs, job, rows.pop(job["import"], None))
        wrongs.doubled += [f"{row['count']} rows of import {name}, which has no job" for name, row in rows.items()]
        return wrongs

    def _all_ended(self) -> bool:
        return not self.chaos.trial.ask("SELECT 1 FROM wharf.jobs WHERE finished_at IS NULL LIMIT 1")

    def _nothing_left(self) -> bool:
        return not self._left()

    def _note_missing(self, wrongs: Wrongs, jobs: list[dict[str, Any]]) -> None:
        known = {job["id"] for job in jobs}
        wrongs.lost += [
            f"{label}: its job {job_id} is gone" for label, job_id in self.held.items() if job_id not in known
        ]
        wrongs.doubled += [
            f"{n} jobs for {label}" for label, n in Counter(job["label"] for job in jobs).items() if n > 1
        ]

    def _judge(self, wrongs: Wrongs, job: dict[str, Any], rows: dict[str, Any] | None) -> None:
        who = f"{job['id']} ({job['label']}, {job['status']}, attempts {job['outcomes']})"
        if job["status"] not in TERMINAL or job["finished_at"] is None or "open" in job["outcomes"]:
            wrongs.stuck.append(who)
        if sum(outcome in LAST for outcome in job["outcomes"]) > 1:
            wrongs.doubled.append(f"{who} ended more than once")
        if job["status"] in TERMINAL - {"completed"}:
            wrongs.failed.append(f"{who}: {job['code']}")
        done = job["status"] == "completed"
        self._compare(wrongs, who, "records of the update", int(job["updates"]), int(done))
        expected = self.expected[job["label"]]
        count, total = (rows["count"], rows["total"]) if rows else (0, Decimal(0))
        self._compare(wrongs, who, "rows", count, expected.good if done else 0)
        self._compare(wrongs, who, "sum", total, expected.total if done else Decimal(0))
        if done:
            self._compare(wrongs, who, "rejects", int(job["rejects"]), len(expected.rejects))

    @staticmethod
    def _compare(wrongs: Wrongs, who: str, what: str, found: Decimal | int, wanted: Decimal | int) -> None:
        if found != wanted:
            place = wrongs.lost if found < wanted else wrongs.doubled
            place.append(f"{who}: {what} {found}, not {wanted}")

    def _left(self) -> list[str]:
        trial = self.chaos.trial
        tables = [f"staging table {row['relname']}" for row in trial.ask(STAGING)]
        leases = [f"lease of {row['job_id']}" for row in trial.ask(LEASES)]
        messages = [f"{n} messages in {name!r}" for name, n in waiting(self.chaos.broker()).items()]
        return tables + leases + messages + self._objects()

    def _objects(self) -> list[str]:
        kept = {row["storage_key"] for row in self.chaos.trial.ask(KEYS)}
        there = set(files_below(self.chaos.objects)) - {CLOCK}
        return [f"object {key} that nothing names" for key in sorted(there - kept)] + [
            f"object {key} that is not there" for key in sorted(kept - there)
        ]


def answered(question: Callable[[], bool]) -> bool:
    """The answer; False while a server is away."""
    try:
        return question()
    except (psycopg.OperationalError, redis.RedisError):
        return False


def files_below(folder: Path) -> list[str]:
    """The keys of everything in a storage that is a folder; obstore's unfinished writes (`KEY#1`) too."""
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]


def waiting(broker: redis.Redis) -> dict[str, int]:
    """How many messages each list of the broker holds, the ones of all priorities."""
    with broker:
        names = [key for key in broker.scan_iter("wharf:*") if broker.type(key) == b"list"]
        return {name.decode(): size for name in names if (size := broker.llen(name))}
