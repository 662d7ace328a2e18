"""A large file is read in parts by several workers, and comes out as if one had read it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from wharf.local.trial import Job, Trial, eventually

HEADER = "transaction_id,date,quantity,unit_price,notes\n"
NOTE = "x" * 160
ROWS = 40_000
"""8 MB: seven parts of a megabyte."""
OPTIONS = '{"part_bytes": 1048576}'
LINES = 3
"""Of an invoice."""
BAD = len(range(1, ROWS, 1000))


def _line(n: int) -> str:
    quantity = "x" if n % 1000 == 1 else 2
    return f"T{n // LINES:08d},2025-03-{n % 28 + 1:02d},{quantity},1.25,{NOTE}\n"


def _write(path: Path, *, extra: str = "") -> Path:
    path.write_text(HEADER + "".join(map(_line, range(ROWS))) + extra, encoding="utf-8")
    return path


def _send(trial: Trial, path: Path, project: str) -> str:
    return str(trial.upload(path, project_id=project, profile="transactions", options=OPTIONS)["job_id"])


def _parts(trial: Trial, job_id: str) -> list[Job]:
    found: list[Job] = trial.api.get("/api/v1/jobs", params={"parent_id": job_id, "limit": 100}).json()["items"]
    return sorted(found, key=lambda part: part["part"])


def _staged(trial: Trial, job_id: str) -> int:
    """Parts that could not go straight into the dataset."""
    query = """SELECT count(*) FROM wharf.job_logs l JOIN wharf.jobs j ON j.id = l.job_id
               WHERE j.parent_id = %s AND l.event = 'import.staged'"""
    return int(trial.one(query, job_id))


def _wrong_numbers(trial: Trial, project: str) -> int:
    """Rows without the number that they have in their invoice."""
    query = f"""SELECT count(*) FROM (SELECT line_number, (_line - 2) %% {LINES} + 1 AS expected, _line
                FROM {trial.dataset()} WHERE project_id = %s) r WHERE line_number <> expected AND _line < {ROWS + 2}"""
    return int(trial.one(query, project))


def _exact(trial: Trial, project: str, job: Job, rows: int = ROWS - BAD) -> None:
    counted = trial.ask(f"SELECT count(*), sum(total) FROM {trial.dataset()} WHERE project_id = %s", project)[0]
    assert (counted["count"], counted["sum"]) == (rows, 2.5 * rows)
    assert (job["result"]["rows_read"], job["result"]["rejected"]) == (rows + BAD, BAD)
    assert _wrong_numbers(trial, project) == 0


def test_all_parts_become_one_import(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Numbers, computed cells, rejects with their lines: and only who asks for the parts sees them."""
    job = wharf.ended(_send(wharf, _write(tmp_path / "large.csv"), project))
    assert job["status"] == "completed", job["error"]
    _exact(wharf, project, job)
    parts = _parts(wharf, job["job_id"])
    assert [part["part"] for part in parts] == list(range(1, len(parts) + 1))
    assert len(parts) > 3
    assert sum(part["result"]["rows_read"] for part in parts) == ROWS
    assert {part["status"] for part in parts} == {"completed"}
    assert _staged(wharf, job["job_id"]) == 0
    rejects = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects", params={"limit": 100}).json()["items"]
    assert [one["line"] for one in rejects] == [n + 2 for n in range(1, ROWS, 1000)]
    assert [one["assigned"]["line_number"] for one in rejects] == [n % LINES + 1 for n in range(1, ROWS, 1000)]
    assert wharf.one("SELECT count(*) FROM wharf.assigned WHERE import_id = %s", job["result"]["import_id"]) == 0
    listed = wharf.api.get("/api/v1/jobs", params={"project_id": project}).json()["items"]
    assert [one["job_id"] for one in listed] == [job["job_id"]]
    assert wharf.one("SELECT count(*) FROM wharf.unfinished") == 0


def test_rows_that_are_there_and_an_invoice_that_comes_again(wharf: Trial, tmp_path: Path, project: str) -> None:
    """What cannot go straight into the dataset is staged by all parts, and merged once."""
    extra = f"T00000000,2025-03-15,2,1.25,{NOTE}\n"
    again = wharf.ended(_send(wharf, _write(tmp_path / "again.csv", extra=extra), project))
    assert again["status"] == "completed", again["error"]
    _exact(wharf, project, again, ROWS - BAD + 1)
    numbers = f"SELECT line_number FROM {wharf.dataset()} WHERE project_id = %s AND transaction_id = 'T00000000'"
    assert sorted(row["line_number"] for row in wharf.ask(numbers, project)) == [1, 3, 4]  # the second line is rejected
    same = wharf.ended(_send(wharf, tmp_path / "again.csv", project))
    assert (same["result"]["unchanged"], same["result"]["inserted"]) == (ROWS - BAD + 1, 0)


def test_invoices_that_come_again_in_later_parts_go_on_counting(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Each part alone sees rows that stand together: only the whole knows how many came before them, rejects too."""
    half = ROWS // 2 // LINES * LINES
    path = tmp_path / "twice.csv"
    path.write_text(HEADER + "".join(map(_line, range(half))) * 2, encoding="utf-8")
    job = wharf.ended(_send(wharf, path, project))
    assert job["status"] == "completed", job["error"]
    assert len(_parts(wharf, job["job_id"])) > 3
    number = f"(_line - 2) %% {half} %% {LINES} + 1 + (_line - 2) / {half} * {LINES}"
    wrong = f"SELECT count(*) FROM {wharf.dataset()} WHERE project_id = %s AND line_number <> {number}"
    assert wharf.one(wrong, project) == 0
    rejects = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects", params={"limit": 100}).json()["items"]
    places = [one["line"] - 2 for one in rejects]
    assert [one["assigned"]["line_number"] for one in rejects] == [
        n % half % LINES + 1 + n // half * LINES for n in places
    ]


def test_a_killed_worker_costs_its_part_only(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The part goes on from its checkpoint; no row is lost or doubled, and the others are not read again."""
    job_id = _send(wharf, _write(tmp_path / "killed.csv"), project)
    held = """SELECT l.worker FROM wharf.leases l JOIN wharf.jobs j ON j.id = l.job_id
              WHERE j.parent_id = %s AND j.part IS NOT NULL"""
    worker = eventually(lambda: wharf.ask(held, job_id), "a worker with a part")[0]["worker"]
    os.kill(int(worker.rsplit(":", 1)[1]), signal.SIGKILL)
    job = wharf.ended(job_id)
    assert job["status"] == "completed", job["error"]
    _exact(wharf, project, job)
    died = sum(part["attempt"] > 1 for part in _parts(wharf, job_id))
    assert died <= 1


def test_a_cancel_ends_all_parts_and_a_retry_begins_anew(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The job that waits is cancelled at once; its parts stop, and nothing of them is seen, then or later."""
    job_id = _send(wharf, _write(tmp_path / "cancelled.csv"), project)
    eventually(lambda: wharf.one("SELECT waits FROM wharf.jobs WHERE id = %s", job_id), "the job waiting for its parts")
    part = _parts(wharf, job_id)[-1]
    refused = wharf.api.post(f"/api/v1/jobs/{part['job_id']}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "part_of_job")
    assert wharf.api.post(f"/api/v1/jobs/{job_id}/cancel").json()["status"] == "cancelled"
    eventually(lambda: _all_ended(_parts(wharf, job_id)), "the parts' end")
    rows = wharf.api.get("/api/v1/datasets/transactions/rows", params={"project_id": project}).json()["items"]
    assert rows == []
    wharf.api.post(f"/api/v1/jobs/{job_id}/retry").raise_for_status()
    job = wharf.ended(job_id)
    assert job["status"] == "completed", job["error"]
    _exact(wharf, project, job)


def test_a_part_that_fails_ends_the_whole(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The job tells the part's error, whose fault it is too, and no part is left to do."""
    job_id = _send(wharf, _write(tmp_path / "failing.csv"), project)
    eventually(lambda: wharf.one("SELECT waits FROM wharf.jobs WHERE id = %s", job_id), "the job waiting for its parts")
    error = '{"code": "broken_part", "message": "It broke.", "detail": null, "retryable": false, "cause": "input"}'
    broken = """UPDATE wharf.jobs SET status = 'failed', finished_at = now(), error = %s::jsonb WHERE id = (
                SELECT id FROM wharf.jobs WHERE parent_id = %s AND status = 'queued' ORDER BY part DESC LIMIT 1)
                RETURNING id"""
    assert wharf.ask(broken, error, job_id)
    job = wharf.ended(job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", "broken_part")
    assert wharf.one("SELECT error ->> 'cause' FROM wharf.jobs WHERE id = %s", job_id) == "input"
    assert _all_ended(_parts(wharf, job_id))


def test_a_part_of_an_earlier_division_ends_none_of_the_next(wharf: Trial, tmp_path: Path, project: str) -> None:
    """It may still be stopping when the job, cancelled and tried again, has divided its file anew."""
    job_id = _send(wharf, _write(tmp_path / "twice.csv"), project)
    eventually(lambda: wharf.one("SELECT waits FROM wharf.jobs WHERE id = %s", job_id), "the job waiting for its parts")
    late = """INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, parent_id, part,
                                      payload)
              SELECT gen_random_uuid(), tenant_id, project_id, 'import_part', queue, priority, 'cancelling', id, 1,
                     '{"generation": "an earlier one"}' FROM wharf.jobs WHERE id = %s RETURNING id::text"""
    (row,) = wharf.ask(late, job_id)
    ended = "UPDATE wharf.jobs SET status = 'cancelled', finished_at = now() WHERE id = %s RETURNING 1"
    assert wharf.ask(ended, row["id"])
    job = wharf.ended(job_id)
    assert job["status"] == "completed", job["error"]
    own = [part for part in _parts(wharf, job_id) if part["job_id"] != row["id"]]
    assert {part["status"] for part in own} == {"completed"}
    _exact(wharf, project, job)


def _all_ended(parts: list[Job]) -> bool:
    return all(part["status"] in {"completed", "cancelled", "failed"} for part in parts)
