"""A large merge has its journal written by a second connection, whose commit comes first."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.chaos import faults
from tests.chaos.faults import POOL
from tests.chaos.stack import Chaos
from wharf.common.runtime.points import Point
from wharf.ingest_worker.drafts import LEAST_ROWS
from wharf.local.samples import write_transactions
from wharf.local.trial import Job, Trial, eventually

ROWS = LEAST_ROWS + 1_000
DRAFTS = "SELECT turn FROM wharf.journal_drafts WHERE project_id = %s"
MODES = {"upsert": "updated", "replace": "inserted"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two of the same keys, all of whose rows differ; short enough to be staged."""
    folder = tmp_path_factory.mktemp("drafts")
    paths = folder / "first.csv", folder / "second.csv"
    for nth, path in enumerate(paths, 1):
        write_transactions(path, ROWS, seed=nth, most_lines=1, totals=True, prefix="D-")
    return paths


def kept(trial: Trial, project: str) -> int:
    """How many rows of the project are in the journal."""
    table = trial.dataset("_was_transactions")
    return int(trial.one(f"SELECT count(*) FROM {table} WHERE project_id = %s", project))


def undone(trial: Trial, job: Job) -> Job:
    """Undo an import."""
    answer = trial.api.post(f"/api/v1/jobs/{job['job_id']}/undo").raise_for_status().json()
    return trial.ended(answer["job_id"])


def standing(chaos: Chaos) -> list[psutil.Process]:
    return [child for child in faults.children(chaos, POOL) if child.status() == psutil.STATUS_STOPPED]


@pytest.mark.parametrize("mode", MODES)
def test_a_merge_that_dies_leaves_a_draft_which_the_next_one_takes_out(
    chaos: Chaos, files: tuple[Path, Path], mode: str
) -> None:
    """What the rows were is there before the merge commits, and once after all; an undo gives it back."""
    trial, project = chaos.trial, f"drafts-{uuid4().hex[:8]}"
    trial.load(files[0], profile="transactions", project_id=project)
    token = chaos.switchboard.arm(Point.BEFORE_MERGE_COMMIT, "stop")
    job = trial.upload(files[1], profile="transactions", project_id=project, mode=mode)
    eventually(lambda: chaos.switchboard.fired(token), "a stop before the commit")
    assert (len(trial.ask(DRAFTS, project)), kept(trial, project)) == (1, ROWS)
    eventually(lambda: standing(chaos), "the process that stands still")[0].kill()
    ended = trial.ended(job["job_id"])
    assert (ended["status"], ended["attempt"], ended["result"][MODES[mode]]) == ("completed", 2, ROWS)
    assert (trial.ask(DRAFTS, project), kept(trial, project)) == ([], ROWS)
    assert undone(trial, ended)["result"]["reversed"] == ROWS
    assert kept(trial, project) == 0


def test_an_undo_takes_no_draft_for_a_later_change(chaos: Chaos, files: tuple[Path, Path]) -> None:
    """The merge was given up for good: the rows are still those of the first import, and go with it."""
    trial, project = chaos.trial, f"drafts-{uuid4().hex[:8]}"
    first = trial.load(files[0], profile="transactions", project_id=project)
    token = chaos.switchboard.arm(Point.BEFORE_MERGE_COMMIT, "stop")
    job = trial.upload(files[1], profile="transactions", project_id=project)
    eventually(lambda: chaos.switchboard.fired(token), "a stop before the commit")
    process = eventually(lambda: standing(chaos), "the process that stands still")[0]
    trial.api.post(f"/api/v1/jobs/{job['job_id']}/cancel").raise_for_status()
    with suppress(psutil.NoSuchProcess):  # the worker's main process may have ended it by now
        process.kill()
    assert trial.ended(job["job_id"])["status"] == "cancelled"
    result = undone(trial, first)["result"]
    assert (result["reversed"], result["kept"]) == (ROWS, 0)
    assert (trial.ask(DRAFTS, project), kept(trial, project)) == ([], 0)
