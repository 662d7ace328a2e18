from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

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


def test_the_last_job_of_a_child_is_told_to_have_ended(wharf: Trial, tmp_path: Path, project: str) -> None:
    """A child that makes room for another one leaves nobody with a job that seems to run."""
    write_transactions(tmp_path / "t.csv", ROWS, seed=1)
    ended = "SELECT finished_at FROM wharf.jobs WHERE id = %s"
    for _ in range(JOBS):
        job_id = wharf.upload(tmp_path / "t.csv", profile="transactions", project_id=project)["job_id"]
        eventually(partial(wharf.one, ended, job_id), "the end in the ledger")
        time.sleep(1.0)  # what was to be told is told by now, or never
        assert wharf.job(job_id)["status"] == "completed"
