"""What statistics do not know yet is not worked through again and again.

Each of these took as long as the one table has rows times as the other has: minutes for what is done in a second now.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from wharf.local.trial import Job, Trial, eventually

ROWS = 60_000
NOTE = "x" * 100
HIDDEN = 100_000
"""Rows of an import that is under way when another one comes."""


@pytest.fixture
def people(wharf: Trial, tmp_path: Path) -> str:
    """A dataset whose statistics know one small project, and no other."""
    name = f"people_{uuid4().hex[:8]}"
    unique = [{"kind": "unique", "within": "dataset"}]
    columns: list[dict[str, Any]] = [
        {"name": "id", "required": True},
        {"name": "email", "checks": unique},
        {"name": "note"},
    ]
    _declare(wharf, name, columns)
    _load(wharf, _people(tmp_path / "other.csv", range(1_000)), name, "another")
    _analyze(wharf, name)
    return name


def _analyze(wharf: Trial, name: str) -> None:
    """As it is now, and not again."""
    with psycopg.connect(wharf.connection.database_url) as owner:
        owner.execute(f"ALTER TABLE {wharf.dataset(name)} SET (autovacuum_enabled = off)".encode())
        owner.execute(f"ANALYZE {wharf.dataset(name)}".encode())


def _declare(wharf: Trial, name: str, columns: list[dict[str, Any]]) -> None:
    declared = {"name": name, "title": name, "key": ["id"], "columns": columns}
    wharf.api.post("/api/v1/profiles", json=declared).raise_for_status()


def _people(path: Path, numbers: range, first_email: int | None = None) -> Path:
    """So many people; their emails are numbered as they are, or from another number on."""
    shift = 0 if first_email is None else first_email - numbers.start
    rows = (f"p{n},m{n + shift}@example.org,{NOTE}\n" for n in numbers)
    path.write_text("id,email,note\n" + "".join(rows), encoding="utf-8")
    return path


def _load(wharf: Trial, path: Path, profile: str, project: str) -> Job:
    job = wharf.load(path, profile=profile, project_id=project)
    assert job["status"] == "completed", job["error"]
    return job


def test_values_that_must_be_new_in_the_dataset(wharf: Trial, people: str, project: str, tmp_path: Path) -> None:
    """All of them are looked for at once, whoever has them."""
    _load(wharf, _people(tmp_path / "a.csv", range(ROWS)), people, project)
    taken = 10
    second = _people(tmp_path / "b.csv", range(ROWS, 2 * ROWS), first_email=ROWS - taken)
    result = _load(wharf, second, people, project)["result"]
    assert (result["inserted"], result["rejected"]) == (ROWS - taken, taken)


def test_values_that_must_be_in_another_dataset(wharf: Trial, people: str, project: str, tmp_path: Path) -> None:
    """By its key or by any other column, of few rows and of many."""
    _load(wharf, _people(tmp_path / "p.csv", range(ROWS)), people, project)
    for column in ("id", "email"):
        name = f"orders_{uuid4().hex[:8]}"
        check = {"kind": "reference", "profile": people, "column": column}
        _declare(wharf, name, [{"name": "id", "required": True}, {"name": "who", "checks": [check]}])
        for count in (100, ROWS):
            who = "p{}" if column == "id" else "m{}@example.org"
            rows = (f"{count}-{n},{who.format(ROWS - count + n + 3)}\n" for n in range(count))
            (tmp_path / "o.csv").write_text("id,who\n" + "".join(rows), encoding="utf-8")
            result = _load(wharf, tmp_path / "o.csv", name, project)["result"]
            assert (result["inserted"], result["rejected"]) == (count - 3, 3)


def test_few_values_of_a_key_are_looked_up(wharf: Trial, people: str, project: str, tmp_path: Path) -> None:
    """A file of a few rows does not wait until all rows of what it refers to are read."""
    name, count = f"orders_{uuid4().hex[:8]}", 100
    check = {"kind": "reference", "profile": people, "column": "id"}
    _declare(wharf, name, [{"name": "id", "required": True}, {"name": "who", "checks": [check]}])
    _load(wharf, _people(tmp_path / "p.csv", range(ROWS)), people, project)
    before = _lookups(wharf, people)
    (tmp_path / "o.csv").write_text("id,who\n" + "".join(f"{n},p{n}\n" for n in range(count)), encoding="utf-8")
    assert _load(wharf, tmp_path / "o.csv", name, project)["result"]["inserted"] == count
    # The server tells it within ten seconds of the worker's last statement.
    eventually(lambda: _lookups(wharf, people) >= before + count, "lookups in the index")


def _lookups(wharf: Trial, name: str) -> int:
    return int(wharf.one("SELECT idx_scan FROM pg_stat_all_tables WHERE relname = %s", name))


def test_an_import_beside_another_one_that_has_not_ended(wharf: Trial, project: str, tmp_path: Path) -> None:
    """Its rows are there, hidden; those that come are compared with all of them, once."""
    name = f"things_{uuid4().hex[:8]}"
    _declare(wharf, name, [{"name": "id", "required": True}, {"name": "email"}, {"name": "note"}])
    _load(wharf, _people(tmp_path / "other.csv", range(1_000)), name, "another")
    _analyze(wharf, name)
    large = _people(tmp_path / "large.csv", range(10 * HIDDEN))
    job_id = wharf.upload(large, profile=name, project_id=project)["job_id"]
    there = f"SELECT count(*) FROM {wharf.dataset(name)} WHERE project_id = %s"
    eventually(lambda: wharf.one(there, project) >= HIDDEN, "hidden rows")
    with _stopped(wharf, job_id):
        small = _people(tmp_path / "small.csv", range(20 * HIDDEN, 20 * HIDDEN + 20_000))
        assert _load(wharf, small, name, project)["result"]["inserted"] == 20_000
        assert wharf.one("SELECT status FROM wharf.jobs WHERE id = %s", job_id) == "running"
    assert wharf.ended(job_id)["result"]["inserted"] == 10 * HIDDEN


@contextmanager
def _stopped(wharf: Trial, job_id: str) -> Iterator[None]:
    """The process that runs the job does nothing meanwhile."""
    worker = wharf.one("SELECT worker FROM wharf.leases WHERE job_id = %s", job_id)
    pid = int(worker.rpartition(":")[2])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
