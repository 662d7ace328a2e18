from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers import servers
from wharf.local.samples import Expected, write_transactions
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial, eventually

ROWS = 300_000
STOP_SECONDS = "9"
"""A job that does not obey is given back by force after two thirds of it."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    """A file that takes seconds to load."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    return path, write_transactions(path, ROWS, seed=12, bad=100)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of its own, whose workers are stopped: jobs are told at once to stop, and killed soon after."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WHARF_FINISH_SECONDS", "0")
        environment.setenv("WHARF_STOP_SECONDS", STOP_SECONDS)
        folder = tmp_path_factory.mktemp("stopping")
        with servers() as given, LocalStack(folder, port=0, discard=True, **given) as running:
            yield running


def loading(wharf: Trial, path: Path, project: str) -> str:
    """The id of a job that has written its first rows."""
    job_id: str = wharf.upload(path, profile="transactions", project_id=project)["job_id"]
    written = "SELECT (checkpoint ->> 'direct')::bigint FROM wharf.jobs WHERE id = %s"
    eventually(lambda: wharf.one(written, job_id), "the first batch")
    return job_id


def child_of(wharf: Trial, job_id: str) -> psutil.Process:
    """The process that runs the job."""
    worker = wharf.one("SELECT worker FROM wharf.leases WHERE job_id = %s", job_id)
    return psutil.Process(int(worker.rsplit(":", 1)[1]))


def main_of(child: psutil.Process) -> psutil.Process:
    """The worker's main process."""
    main = child.parent()
    assert main is not None
    return main


def log_of(wharf: Trial, main: psutil.Process) -> str:
    """What the worker has logged."""
    names = {pid: name for name, pid in wharf.connection.processes.items()}
    return (wharf.stack.folder.logs / f"{names[main.pid]}.log").read_text("utf-8")


def given_back_once(wharf: Trial, job_id: str, project: str, expected: Expected) -> None:
    """The first attempt went back, the second completed; nothing was counted against the job, every row is there."""
    job = wharf.ended(job_id)
    assert job["status"] == "completed", job["error"]
    attempts = wharf.ask("SELECT outcome FROM wharf.attempts WHERE job_id = %s ORDER BY attempt", job_id)
    assert [attempt["outcome"] for attempt in attempts] == ["give_back", "complete"]
    counts = wharf.ask("SELECT failures, deaths, give_backs FROM wharf.jobs WHERE id = %s", job_id)[0]
    assert counts == {"failures": 0, "deaths": 0, "give_backs": 1}
    row = wharf.ask(f"SELECT count(*), sum(total) FROM {wharf.dataset()} WHERE project_id = %s", project)[0]
    assert (row["count"], row["sum"]) == (expected.good, expected.total)
    assert job["result"]["rejected"] == len(expected.rejects)


def test_a_stopped_worker_gives_its_job_back(wharf: Trial, large: tuple[Path, Expected], project: str) -> None:
    """SIGTERM: the job stops at its next step, and the next worker goes on from the last checkpoint."""
    path, expected = large
    job_id = loading(wharf, path, project)
    main = main_of(child_of(wharf, job_id))
    main.send_signal(signal.SIGTERM)
    main.wait(30)
    given_back_once(wharf, job_id, project, expected)
    assert not any(row["name"].endswith(f":{main.pid}") for row in wharf.ask("SELECT * FROM wharf.list_workers()"))


def test_a_job_that_does_not_stop_is_given_back_by_force(
    wharf: Trial, large: tuple[Path, Expected], project: str
) -> None:
    """A child that sees no sign at all is killed before the grace period ends, and its attempt counts for nothing."""
    path, expected = large
    job_id = loading(wharf, path, project)
    child = child_of(wharf, job_id)
    main = main_of(child)
    os.kill(child.pid, signal.SIGSTOP)
    main.send_signal(signal.SIGTERM)
    leaving = "SELECT draining_since FROM wharf.workers_now() WHERE name LIKE '%%:' || %s"
    eventually(lambda: wharf.one(leaving, str(main.pid)), "the ledger's word that it takes no more")
    main.wait(30)
    assert not child.is_running()
    given_back_once(wharf, job_id, project, expected)


@pytest.mark.parametrize("signals", [(signal.SIGQUIT,), (signal.SIGTERM, signal.SIGTERM)], ids=["quit", "term twice"])
def test_a_hurried_stop_gives_back_at_once(
    wharf: Trial, large: tuple[Path, Expected], project: str, signals: tuple[signal.Signals, ...]
) -> None:
    """Celery's cold shutdown, or a second SIGTERM: the job goes back before its process is killed."""
    path, expected = large
    job_id = loading(wharf, path, project)
    child = child_of(wharf, job_id)
    main = main_of(child)
    os.kill(child.pid, signal.SIGSTOP)
    for nth, number in enumerate(signals, 1):
        main.send_signal(number)
        if nth < len(signals):
            eventually(lambda: "worker.gives_back" in log_of(wharf, main), "the first signal's effect")
    main.wait(30)
    given_back_once(wharf, job_id, project, expected)
