from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers import servers
from wharf.local.samples import write_transactions
from wharf.local.stack import LocalStack
from wharf.local.trial import Job, Trial, eventually

ROWS = 1_500_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of its own, in which no job may take longer than a second, and none lives longer than six."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WHARF_SOFT_TIME_LIMIT", "1")
        environment.setenv("WHARF_TIME_LIMIT", "6")
        folder = tmp_path_factory.mktemp("limits")
        with servers() as given, LocalStack(folder, port=0, discard=True, **given) as running:
            yield running


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes longer than a second."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    write_transactions(path, ROWS, seed=13)
    return path


def ended_by_its_limit(wharf: Trial, job: Job, project: str) -> None:
    """Failed, not dead, and not to be tried again; the dataset is as it was."""
    assert (job["status"], job["error"]["code"], job["error"]["retryable"]) == ("failed", "time_limit", False)
    counts = wharf.ask("SELECT attempt, deaths, give_backs FROM wharf.jobs WHERE id = %s", job["job_id"])[0]
    assert counts == {"attempt": 1, "deaths": 0, "give_backs": 0}
    attempts = wharf.ask("SELECT outcome FROM wharf.attempts WHERE job_id = %s", job["job_id"])
    assert [attempt["outcome"] for attempt in attempts] == ["fail"]
    schema = wharf.one("SELECT schema_name FROM wharf.tenants WHERE name = 'default'")
    if wharf.ask("SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'transactions'", schema):
        assert wharf.ask(f"SELECT 1 FROM {wharf.dataset()} WHERE project_id = %s LIMIT 1", project) == []


def test_a_job_stops_at_its_time_limit(wharf: Trial, large: Path, project: str) -> None:
    """It is told, stops at its next step, and its process goes on to the next job."""
    job_id = wharf.upload(large, profile="transactions", project_id=project)["job_id"]
    ended_by_its_limit(wharf, wharf.ended(job_id), project)


def test_a_job_that_does_not_stop_is_killed_at_the_hard_limit(wharf: Trial, large: Path, project: str) -> None:
    """Its death is the limit's doing and counts as no death."""
    job_id = wharf.upload(large, profile="transactions", project_id=project)["job_id"]
    worker = eventually(
        lambda: wharf.ask("SELECT worker FROM wharf.leases WHERE job_id = %s", job_id), "the job to run"
    )
    child = psutil.Process(int(worker[0]["worker"].rsplit(":", 1)[1]))
    os.kill(child.pid, signal.SIGSTOP)
    ended_by_its_limit(wharf, wharf.ended(job_id), project)
    eventually(lambda: not child.is_running(), "the end of its process")
