"""Kills at random moments: `kill -9` of whatever process has the job, again and again, in every way to write.

The account is by SQL: each row of the dataset, all of its cells, beside what a quiet import of the same file wrote.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import psycopg

from wharf.common.profiles import builtin_profile
from wharf.local.samples import write_transactions
from wharf.local.trial import ENDED, Job, Trial

PROFILE = "transactions"
SPARED = 2
"""Deaths without progress that a job survives; a third would make it a dead letter, as it should."""
POLL_SECONDS = 0.02
LONGEST = 900.0
STATE = """
    SELECT j.status, j.deaths, l.worker, coalesce((j.checkpoint -> 'cursor' ->> 'byte_offset')::bigint, 0) AS reached
    FROM wharf.jobs j LEFT JOIN wharf.leases l ON l.job_id = j.id WHERE j.id = %s"""
AGAIN = "SELECT count(*) FROM wharf.job_logs WHERE job_id = %s AND event = 'import.staged_again'"


@dataclass(frozen=True, slots=True)
class Content:
    """What a project has in a dataset: rows, and a sum over all cells of all rows."""

    rows: int
    cells: int


@dataclass(slots=True)
class Kills:
    """What happened to the jobs of one way to write."""

    way: str
    jobs: int = 0
    kills: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Killer:
    """Kills on a running stack; `files` are two of the same keys, all of whose rows differ."""

    wharf: Trial
    files: tuple[Path, Path]
    rows: int
    chance: Random
    longest_pause: float
    """Seconds between kills, at most."""
    _references: dict[int, Content] = field(default_factory=dict)

    @classmethod
    def prepared(cls, wharf: Trial, folder: Path, rows: int, seed: int, *, longest_pause: float = 1.5) -> Killer:
        """Write the files."""
        files = folder / "first.csv", folder / "second.csv"
        for nth, path in enumerate(files, 1):
            write_transactions(path, rows, seed=nth, most_lines=1, totals=True, prefix="K-")
        return cls(wharf, files, rows, Random(seed), longest_pause)

    def run(self, way: str, kills: int) -> Kills:
        """Repeat that way to write until so many processes were killed."""
        told = Kills(way)
        while told.kills < kills and not told.wrong:
            project = f"kills-{uuid4().hex[:8]}"
            WAYS[way](self, project, told)
            told.jobs += 1
            if not told.wrong:
                self.make_room(project)
        return told

    def make_room(self, project: str) -> None:
        """Remove rows that were compared, and what they were before: fifty jobs' would fill a disk."""
        dataset, journal = self.wharf.dataset(), self.wharf.dataset(f"_was_{PROFILE}")
        with psycopg.connect(self.wharf.connection.database_url, autocommit=True) as owner:
            owner.execute(f"DELETE FROM {dataset} WHERE project_id = %s".encode(), [project])
            owner.execute(f"VACUUM {dataset}".encode())
            if owner.execute("SELECT to_regclass(%s)", [journal]).fetchone() != (None,):
                owner.execute(f"TRUNCATE {journal}".encode())

    def content(self, project: str) -> Content:
        """By the database. What Wharf notes of a row (import, line) is not of the content."""
        columns = ", ".join(column.name for column in builtin_profile(PROFILE).columns)
        cells = f"coalesce(sum(hashtextextended(ROW({columns})::text, 0)::numeric), 0)"
        query = f"SELECT count(*) AS rows, {cells} AS cells"
        row = self.wharf.ask(f"{query} FROM {self.wharf.dataset()} WHERE project_id = %s", project)[0]
        return Content(int(row["rows"]), int(row["cells"]))

    def reference(self, file: int) -> Content:
        """What a quiet import of the file writes."""
        project = f"kills-reference-{file}"
        if (found := self._references.get(file)) is None:
            self.prepare(file, project)
            found = self._references[file] = self.content(project)
        return found

    def quietly(self, job_id: str) -> Job:
        """Wait for the end; nobody is killed."""
        deadline = time.monotonic() + LONGEST
        while (job := self.wharf.job(job_id))["status"] not in ENDED and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return job

    def killing(self, job_id: str, told: Kills) -> Job:
        """Kill what runs the job at random moments until it ends."""
        reached, deadline = 0, time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            time.sleep(self.chance.uniform(0, self.longest_pause))
            state = self.wharf.ask(STATE, job_id)[0]
            if state["status"] in ENDED:
                break
            if state["reached"] < reached:
                told.wrong.append(f"{told.way}: {job_id} went back from byte {reached} to {state['reached']}")
            reached = state["reached"]
            told.kills += self._kill(state)
        if self.wharf.one(AGAIN, job_id):
            told.wrong.append(f"{told.way}: {job_id} staged its rows again")
        return self.quietly(job_id)

    def _kill(self, state: dict[str, Any]) -> bool:
        if state["worker"] is None or state["deaths"] >= SPARED:
            return False
        with suppress(ProcessLookupError):
            os.kill(int(state["worker"].rsplit(":", 1)[1]), signal.SIGKILL)
            return True
        return False

    def upload(self, file: int, project: str, told: Kills, **options: str) -> Job:
        """Import a file while its worker is killed."""
        job = self.wharf.upload(self.files[file], profile=PROFILE, project_id=project, **options)
        return self.completed(self.killing(job["job_id"], told), told)

    def prepare(self, file: int, project: str) -> Job:
        """Import a file in peace."""
        return self.quietly(self.wharf.upload(self.files[file], profile=PROFILE, project_id=project)["job_id"])

    def follow(self, job: Job, step: str, told: Kills) -> Job:
        """Commit or undo a job, while the new one's worker is killed."""
        answer = self.wharf.api.post(f"/api/v1/jobs/{job['job_id']}/{step}").raise_for_status().json()
        return self.completed(self.killing(answer["job_id"], told), told)

    def completed(self, job: Job, told: Kills) -> Job:
        """Note it where a job did not complete."""
        if job["status"] != "completed":
            told.wrong.append(f"{told.way}: {job['job_id']} is {job['status']}: {job['error']}")
        return job

    def expect(self, told: Kills, project: str, wanted: Content, job: Job, **counts: int) -> None:
        """Note it where the dataset, or what the job says of it, is not what it must be."""
        if (found := self.content(project)) != wanted:
            told.wrong.append(f"{told.way}: {project} has {found} instead of {wanted}")
        said = {name: (job["result"] or {}).get(name) for name in counts}
        if said != counts:
            told.wrong.append(f"{told.way}: {job['job_id']} says {said} instead of {counts}")


NOTHING = Content(0, 0)


def new_rows(killer: Killer, project: str, told: Kills) -> None:
    """Straight into the dataset."""
    job = killer.upload(0, project, told)
    killer.expect(told, project, killer.reference(0), job, inserted=killer.rows)


def all_changed(killer: Killer, project: str, told: Kills) -> None:
    """An upsert of other rows with the same keys."""
    killer.prepare(0, project)
    job = killer.upload(1, project, told)
    killer.expect(told, project, killer.reference(1), job, updated=killer.rows)


def none_changed(killer: Killer, project: str, told: Kills) -> None:
    """An upsert of the rows that are there."""
    killer.prepare(0, project)
    job = killer.upload(0, project, told)
    killer.expect(told, project, killer.reference(0), job, unchanged=killer.rows)


def replaced(killer: Killer, project: str, told: Kills) -> None:
    """All rows go, others come."""
    killer.prepare(0, project)
    job = killer.upload(1, project, told, mode="replace")
    killer.expect(told, project, killer.reference(1), job, inserted=killer.rows)


def dry_run_and_commit(killer: Killer, project: str, told: Kills) -> None:
    """Nothing is there before the commit, everything after it."""
    job = killer.upload(0, project, told, dry_run="true")
    killer.expect(told, project, NOTHING, job, inserted=killer.rows)
    job = killer.follow(job, "commit", told)
    killer.expect(told, project, killer.reference(0), job, inserted=killer.rows)


def undone(killer: Killer, project: str, told: Kills) -> None:
    """The dataset is as it was before the upsert, then as it was before the first import."""
    first, second = killer.prepare(0, project), killer.prepare(1, project)
    job = killer.follow(second, "undo", told)
    killer.expect(told, project, killer.reference(0), job)
    job = killer.follow(first, "undo", told)
    killer.expect(told, project, NOTHING, job)


Way = Callable[[Killer, str, Kills], None]
WAYS: dict[str, Way] = {
    "new rows": new_rows,
    "upsert, all changed": all_changed,
    "upsert, none changed": none_changed,
    "replace": replaced,
    "dry run and commit": dry_run_and_commit,
    "undo": undone,
}
