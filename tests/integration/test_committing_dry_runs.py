from __future__ import annotations

from pathlib import Path

from wharf.local.samples import write_transactions
from wharf.local.trial import Job, Trial

AS_TRANSACTIONS = {"profile": "transactions"}
OUTCOMES = ("inserted", "updated", "unchanged", "superseded", "rejected")
SWEEP = "SELECT wharf.drop_staging_older('1 day', 1000, false)"
STAGING = "SELECT count(*) FROM pg_class WHERE relname = 'staging_' || replace(%s, '-', '')"


def dry_run(wharf: Trial, path: Path, project: str, **fields: str) -> Job:
    """A completed dry run of that file."""
    job = wharf.load(path, project_id=project, dry_run="true", **AS_TRANSACTIONS, **fields)
    assert job["status"] == "completed", job["error"]
    return job


def commit(wharf: Trial, dry: Job) -> Job:
    """Commit it, and wait for the end."""
    answer = wharf.api.post(f"/api/v1/jobs/{dry['job_id']}/commit")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["kind"], answer.json()["parent_id"]) == ("import", dry["job_id"])
    job = wharf.ended(answer.json()["job_id"])
    assert job["status"] == "completed", job["error"]
    return job


def counts(job: Job) -> list[int]:
    """What became of the rows, in the order of `OUTCOMES`."""
    return [job["result"][name] for name in OUTCOMES]


def staging_tables(wharf: Trial, dry: Job) -> int:
    """Whether the import has its staging table: 1 or 0."""
    return int(wharf.one(STAGING, dry["result"]["import_id"]))


def events(wharf: Trial, job: Job) -> set[str]:
    """What the job said of itself."""
    return {line["event"] for line in wharf.ask("SELECT event FROM wharf.job_logs WHERE job_id = %s", job["job_id"])}


def test_a_dry_run_is_merged_from_the_rows_that_it_staged(wharf: Trial, tmp_path: Path, project: str) -> None:
    """One import, two jobs: the second one reads nothing again, and the counts are the same."""
    expected = write_transactions(tmp_path / "t.csv", 2_000, seed=5, bad=7)
    dry = dry_run(wharf, tmp_path / "t.csv", project)
    assert staging_tables(wharf, dry) == 1
    job = commit(wharf, dry)
    assert counts(job) == counts(dry) == [expected.good, 0, 0, 0, 7]
    assert (job["result"]["import_id"], job["result"]["dry_run"]) == (dry["result"]["import_id"], False)
    assert not {"import.staged_again", "import.profile"} & events(wharf, job)
    row = wharf.ask(f"SELECT count(*), sum(total) FROM {wharf.dataset()} WHERE project_id = %s", project)[0]
    assert (row["count"], row["sum"]) == (expected.good, expected.total)
    assert wharf.one("SELECT count(*) FROM wharf.rejects WHERE import_id = %s", dry["result"]["import_id"]) == 7
    assert staging_tables(wharf, dry) == 0


def test_the_counts_are_those_of_the_commit(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The dataset has changed since the dry run: what was new is there by now."""
    expected = write_transactions(tmp_path / "t.csv", 200, seed=5)
    dry = dry_run(wharf, tmp_path / "t.csv", project)
    wharf.load(tmp_path / "t.csv", project_id=project, **AS_TRANSACTIONS)
    assert counts(commit(wharf, dry)) == [0, 0, expected.good, 0, 0]


def test_rows_that_are_gone_are_read_again(wharf: Trial, tmp_path: Path, project: str) -> None:
    """After a crash of the server, or a day: the commit takes longer, and is as exact."""
    expected = write_transactions(tmp_path / "t.csv", 2_000, seed=6, bad=3)
    dry = dry_run(wharf, tmp_path / "t.csv", project)
    ended = "UPDATE wharf.jobs SET finished_at = now() - interval '25 hours' WHERE id = %s RETURNING 1"
    wharf.ask(ended, dry["job_id"])
    wharf.ask(SWEEP)
    assert staging_tables(wharf, dry) == 0
    job = commit(wharf, dry)
    assert counts(job) == [expected.good, 0, 0, 0, 3]
    assert "import.staged_again" in events(wharf, job)
    assert wharf.one("SELECT count(*) FROM wharf.rejects WHERE import_id = %s", dry["result"]["import_id"]) == 3


def test_the_sweep_leaves_a_dry_run_its_rows_for_a_day(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Nobody's commit is slower because the sweeper came by."""
    write_transactions(tmp_path / "t.csv", 20, seed=5)
    dry = dry_run(wharf, tmp_path / "t.csv", project)
    wharf.ask(SWEEP)
    assert staging_tables(wharf, dry) == 1


def test_a_committed_dry_run_is_undone_like_any_import(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The undo belongs to the job that merged, whichever of the two was named."""
    write_transactions(tmp_path / "t.csv", 20, seed=5)
    dry = dry_run(wharf, tmp_path / "t.csv", project)
    job = commit(wharf, dry)
    undo = wharf.api.post(f"/api/v1/jobs/{dry['job_id']}/undo").raise_for_status().json()
    assert undo["parent_id"] == job["job_id"]
    assert wharf.ended(undo["job_id"])["status"] == "completed"
    assert wharf.job(job["job_id"])["result"]["undo_job_id"] == undo["job_id"]


def test_what_cannot_be_committed_is_refused_with_a_code(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Twice, no dry run, no job at all."""
    write_transactions(tmp_path / "t.csv", 20, seed=5)
    dry = dry_run(wharf, tmp_path / "t.csv", project)
    done = commit(wharf, dry)
    missing = "01890000-0000-7000-8000-000000000000"
    answers = [wharf.api.post(f"/api/v1/jobs/{job}/commit") for job in (dry["job_id"], done["job_id"], missing)]
    found = [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert found == [(409, "already_committed"), (409, "not_a_dry_run"), (404, "job_not_found")]
