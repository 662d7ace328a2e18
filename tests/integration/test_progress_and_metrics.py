from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import redis

from wharf.local.samples import write_transactions
from wharf.local.trial import Trial, eventually

ROWS = 150_000


def counter(wharf: Trial, process: str, pattern: str) -> float:
    """The sum of a service's counters whose line matches."""
    text = httpx.get(wharf.connection.metrics[process]).raise_for_status().text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(pattern, line))


def test_a_running_import_has_a_snapshot_that_lives_for_thirty_seconds(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """`ingest_progress:{job_id}` with `records_processed`, growing, and never older than the ledger at the end."""
    write_transactions(tmp_path / "t.csv", ROWS, seed=5)
    job_id = wharf.upload(tmp_path / "t.csv", profile="transactions", project_id=project)["job_id"]
    seen = set()
    with redis.Redis.from_url(wharf.connection.redis_url) as client:

        def done() -> bool:
            found = client.get(f"ingest_progress:{job_id}")
            if found:
                snapshot = json.loads(found)
                seen.add(snapshot["records_processed"])
                assert 0 < client.ttl(f"ingest_progress:{job_id}") <= 30
                return bool(snapshot["job"]["status"] == "completed")
            return False

        eventually(done, "the last snapshot")
    assert any(0 < rows < ROWS for rows in seen)
    assert max(seen) == ROWS
    assert wharf.job(job_id)["progress"]["percent"] == 100.0


def test_events_tell_the_whole_story_in_order(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Server-Sent Events of one job: it is running, its rows only grow, it ends, and the stream ends with it."""
    write_transactions(tmp_path / "t.csv", ROWS, seed=6)
    job = wharf.upload(tmp_path / "t.csv", profile="transactions", project_id=project)
    kinds: list[str] = []
    told: list[dict[str, Any]] = []
    with wharf.api.stream("GET", job["events_url"]) as stream:
        for line in stream.iter_lines():
            if line.startswith("event:"):
                kinds.append(line[6:].strip())
            elif line.startswith("data:"):
                told.append(json.loads(line[5:]))
    assert kinds[-1] == "job.completed"
    assert set(kinds) <= {"job.queued", "job.running", "job.progress", "job.log", "job.completed"}
    rows = [data["progress"]["current"] for kind, data in zip(kinds, told, strict=True) if kind == "job.progress"]
    assert rows == sorted(rows)
    assert len(rows) > 2
    assert told[-1]["result"]["inserted"] == ROWS


def test_children_do_not_under_count(wharf: Trial, tmp_path: Path) -> None:
    """Rows and jobs are counted in the pool's children, and the main process tells all of them."""
    ended = r'wharf_jobs_finished_total\{kind="import",queue="ingest",status="completed"\}'
    rows = r'wharf_import_rows_total\{outcome="inserted",profile="transactions"\}'
    before = counter(wharf, "ingest-worker", ended), counter(wharf, "ingest-worker", rows)
    write_transactions(tmp_path / "t.csv", 50, seed=8)
    jobs = [
        wharf.upload(tmp_path / "t.csv", profile="transactions", project_id=f"m-{uuid4().hex[:8]}")["job_id"]
        for _ in range(6)
    ]
    assert {wharf.ended(job_id)["status"] for job_id in jobs} == {"completed"}
    after = counter(wharf, "ingest-worker", ended), counter(wharf, "ingest-worker", rows)
    assert (after[0] - before[0], after[1] - before[1]) == (6, 300)


def test_a_jobs_line_carries_the_requests_id(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The id that the gateway answered with finds the worker's lines."""
    write_transactions(tmp_path / "t.csv", 20, seed=9)
    with (tmp_path / "t.csv").open("rb") as file:
        answer = wharf.api.post(
            "/api/v1/uploads",
            data={"profile": "transactions", "project_id": project},
            files={"file": ("t.csv", file)},
            headers={"X-Request-ID": "req-12345678"},
        )
    job_id = answer.raise_for_status().json()["job_id"]
    wharf.ended(job_id)
    text = (wharf.stack.folder.logs / "ingest-worker.log").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines() if job_id in line]
    assert {"job.started", "import.done", "job.ended"} <= {line["event"] for line in lines}
    assert {line["request_id"] for line in lines} == {"req-12345678"}
