from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.servers import servers
from wharf.local.samples import write_transactions
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial, eventually

JOBS = 4
ROWS = 5_000
"""Long enough that the job is told to run before it has ended."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of its own, each of whose children is replaced after every job."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WHARF_MAX_JOBS_PER_CHILD", "1")
        folder = tmp_path_factory.mktemp("replaced")
        with servers() as given, LocalStack(folder, port=0, discard=True, **given) as running:
            yield running


def is_gone(pid: int) -> bool:
    """What such a process had to tell is told by now, or never."""
    return not psutil.pid_exists(pid)


def test_the_last_job_of_a_child_is_told_to_have_ended(wharf: Trial, tmp_path: Path, project: str) -> None:
    """A child that makes room for another one leaves nobody with a job that seems to run."""
    write_transactions(tmp_path / "t.csv", ROWS, seed=1)
    child = "SELECT worker FROM wharf.attempts WHERE job_id = %s AND ended_at IS NOT NULL"
    for _ in range(JOBS):
        job_id = wharf.upload(tmp_path / "t.csv", profile="transactions", project_id=project)["job_id"]
        (ran,) = eventually(partial(wharf.ask, child, job_id), "the end in the ledger")
        pid = int(ran["worker"].rpartition(":")[2])
        eventually(partial(is_gone, pid), "the end of the child")
        assert wharf.job(job_id)["status"] == "completed"
