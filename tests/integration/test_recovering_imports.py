from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from wharf.local.samples import Expected, write_transactions
from wharf.local.trial import Job, Trial, eventually

ROWS = 400_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    """A file that takes seconds to load."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    return path, write_transactions(path, ROWS, seed=11, bad=100)


def staged(wharf: Trial, job_id: str) -> int:
    """Rows in the checkpoint of a job, as the ledger has it: in staging, or in the dataset and hidden."""
    count = "coalesce((checkpoint ->> 'staged')::bigint, 0) + coalesce((checkpoint ->> 'direct')::bigint, 0)"
    return int(wharf.one(f"SELECT {count} FROM wharf.jobs WHERE id = %s", job_id) or 0)


def workers_of(wharf: Trial, job_id: str) -> Iterator[int]:
    """The pid of the process that holds the job's lease."""
    for row in wharf.ask("SELECT worker FROM wharf.leases WHERE job_id = %s", job_id):
        yield int(row["worker"].rsplit(":", 1)[1])


def kill_child(wharf: Trial, job_id: str) -> None:
    """Send SIGKILL to the process that runs the job."""
    os.kill(next(workers_of(wharf, job_id)), signal.SIGKILL)


def kill_main(wharf: Trial, job_id: str) -> None:
    """Send SIGKILL to the worker's main process, whose child holds the job."""
    main = psutil.Process(next(workers_of(wharf, job_id))).parent()
    assert main is not None
    main.kill()


def exact(wharf: Trial, project: str, expected: Expected, job: Job) -> None:
    """Every good row once, every bad one among the rejects: by the database, not by what the job says."""
    row = wharf.ask(f"SELECT count(*), sum(total) FROM {wharf.dataset()} WHERE project_id = %s", project)[0]
    assert (row["count"], row["sum"]) == (expected.good, expected.total)
    rejected = wharf.one("SELECT count(*) FROM wharf.rejects WHERE import_id = %s", job["result"]["import_id"])
    assert rejected == len(expected.rejects) == job["result"]["rejected"]
    assert job["result"]["inserted"] == expected.good


@pytest.mark.parametrize("kill", [kill_child, kill_main])
def test_a_killed_worker_loses_and_doubles_nothing(
    wharf: Trial, large: tuple[Path, Expected], project: str, kill: Callable[[Trial, str], None]
) -> None:
    """After kill -9 in the middle of loading, the next attempt goes on from the last checkpoint to exact counts."""
    path, expected = large
    job_id = wharf.upload(path, profile="transactions", project_id=project)["job_id"]
    before = eventually(lambda: staged(wharf, job_id), "the first staged batch")
    kill(wharf, job_id)
    job = wharf.ended(job_id)
    assert (job["status"], job["attempt"] > 1) == ("completed", True), job["error"]
    exact(wharf, project, expected, job)
    attempts = wharf.ask("SELECT outcome FROM wharf.attempts WHERE job_id = %s ORDER BY attempt", job_id)
    assert [attempt["outcome"] for attempt in attempts] == ["die", "complete"]
    assert before < ROWS


def test_cancel_stops_a_running_import_and_leaves_the_dataset_as_it_was(
    wharf: Trial, large: tuple[Path, Expected], project: str
) -> None:
    """No row of it is there, no staging table, no lease; the job says that it was cancelled."""
    path, _ = large
    job_id = wharf.upload(path, profile="transactions", project_id=project)["job_id"]
    eventually(lambda: staged(wharf, job_id), "the first staged batch")
    asked = wharf.api.post(f"/api/v1/jobs/{job_id}/cancel")
    assert (asked.status_code, asked.json()["status"]) == (202, "cancelling")
    job = wharf.ended(job_id)
    assert (job["status"], job["attempt"]) == ("cancelled", 1)
    import_id = wharf.one("SELECT payload ->> 'import_id' FROM wharf.jobs WHERE id = %s", job_id)
    assert wharf.ask(f"SELECT 1 FROM {wharf.dataset()} WHERE project_id = %s LIMIT 1", project) == []
    assert wharf.ask("SELECT 1 FROM pg_class WHERE relname = %s", f"staging_{import_id.replace('-', '')}") == []
    assert wharf.ask("SELECT 1 FROM wharf.leases WHERE job_id = %s", job_id) == []


def test_a_cancelled_import_can_be_tried_again(wharf: Trial, large: tuple[Path, Expected], project: str) -> None:
    """Retry begins anew, since the staged rows went with the cancel, and loads everything."""
    path, expected = large
    job_id = wharf.upload(path, profile="transactions", project_id=project)["job_id"]
    eventually(lambda: staged(wharf, job_id), "the first staged batch")
    wharf.api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    wharf.ended(job_id)
    wharf.api.post(f"/api/v1/jobs/{job_id}/retry").raise_for_status()
    job = wharf.ended(job_id)
    assert job["status"] == "completed", job["error"]
    exact(wharf, project, expected, job)


def test_a_retry_forgets_what_the_attempt_before_set_aside(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The file may be read otherwise now: no reject of before stays, nor what was assigned to it."""
    path = tmp_path / "bad.csv"
    path.write_text("transaction_id,date,quantity,unit_price\nA,2025-01-01,many,1\n", encoding="utf-8")
    job_id = wharf.upload(path, profile="transactions", project_id=project, on_error="abort")["job_id"]
    assert wharf.ended(job_id)["error"]["code"] == "rows_rejected"
    import_id = wharf.one("SELECT payload ->> 'import_id' FROM wharf.jobs WHERE id = %s", job_id)
    for table, columns, values in (
        ("rejects", "line, raw, errors", "7, 'x', '[]'"),
        ("assigned", "cells", "'{\"line_number\": 7}'"),
    ):
        wharf.ask(
            f"INSERT INTO wharf.{table} (import_id, byte_offset, tenant_id, {columns})"
            f" SELECT id, 777, tenant_id, {values} FROM wharf.imports WHERE id = %s RETURNING 1",
            import_id,
        )
    wharf.api.post(f"/api/v1/jobs/{job_id}/retry").raise_for_status()
    wharf.ended(job_id)
    assert wharf.one("SELECT array_agg(line) FROM wharf.rejects WHERE import_id = %s", import_id) == [2]
    assert wharf.ask("SELECT 1 FROM wharf.assigned WHERE import_id = %s", import_id) == []


def test_an_emptied_staging_table_is_filled_again(wharf: Trial, large: tuple[Path, Expected], project: str) -> None:
    """Staging is unlogged: when a crash of the server empties it, the file is staged again, its rejects not doubled."""
    path, expected = large
    job_id = wharf.upload(path, profile="transactions", project_id=project, mode="replace")["job_id"]
    eventually(lambda: staged(wharf, job_id), "the first staged batch")
    child = next(workers_of(wharf, job_id))
    os.kill(child, signal.SIGSTOP)
    row = wharf.ask(
        "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE relname = 'staging_' || replace("
        "(SELECT payload ->> 'import_id' FROM wharf.jobs WHERE id = %s), '-', '')",
        job_id,
    )[0]
    wharf.ask(f"DELETE FROM {row['name']} WHERE _line < 100 RETURNING 1")
    os.kill(child, signal.SIGKILL)
    job = wharf.ended(job_id)
    assert job["status"] == "completed", job["error"]
    exact(wharf, project, expected, job)
    logged = wharf.ask("SELECT event FROM wharf.job_logs WHERE job_id = %s", job_id)
    assert "import.staged_again" in {line["event"] for line in logged}
