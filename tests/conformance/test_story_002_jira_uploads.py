from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis

from wharf.local.samples import write_jira_issues, write_transactions
from wharf.local.trial import Trial, eventually

FIELDS = {
    "job_id", "source_type", "file_name", "status", "records_processed", "started_at", "completed_at", "error",
}  # fmt: skip
STATES = ("queued", "running", "completed", "failed", "cancelled")
OVER = frozenset({"completed", "failed", "cancelled"})


def over(answer: dict[str, Any]) -> bool:
    return answer["status"] in OVER


def upload(client: httpx.Client, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        answer = client.post("/api/upload", files={"file": (path.name, file, "text/csv")})
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_upload_is_answered_with_where_to_ask(client: httpx.Client, tmp_path: Path, prefix: str) -> None:
    """Exactly the two fields, before the file is processed; the address is the one that clients were promised."""
    write_jira_issues(tmp_path / "jira.csv", 200, project_key=f"A{prefix.strip('-')}")
    answer = upload(client, tmp_path / "jira.csv")
    assert set(answer) == {"job_id", "status_url"}
    assert answer["status_url"] == f"/api/job/{answer['job_id']}"


def test_the_tracker_goes_from_queued_to_completed(
    client: httpx.Client, poll: Any, tmp_path: Path, prefix: str
) -> None:
    """All fields in every answer, states only forward, records only growing, times in order, no error."""
    path = tmp_path / "jira export.csv"
    expected = write_jira_issues(path, 5000, project_key=f"B{prefix.strip('-')}")
    answers = poll(upload(client, path)["status_url"], over)
    assert all(set(answer) == FIELDS for answer in answers)
    places = [STATES.index(answer["status"]) for answer in answers]
    assert places == sorted(places)
    records = [answer["records_processed"] for answer in answers]
    assert records == sorted(records)
    last = answers[-1]
    assert (last["status"], last["records_processed"], last["error"]) == ("completed", expected.rows, None)
    assert (last["source_type"], last["file_name"]) == ("csv_upload", path.name)
    assert last["started_at"] <= last["completed_at"]


def test_a_jira_export_becomes_issues(
    wharf: Trial, client: httpx.Client, poll: Any, tmp_path: Path, prefix: str
) -> None:
    """Nobody says what the file is: repeated headers become lists, comments keep their lines, dates are times."""
    key = f"C{prefix.strip('-')}"
    expected = write_jira_issues(tmp_path / "jira.csv", 300, seed=4, bad=3, project_key=key)
    answers = poll(upload(client, tmp_path / "jira.csv")["status_url"], over)
    assert answers[-1]["status"] == "completed", answers[-1]
    kept = wharf.ask(
        "SELECT count(*) AS issues, sum(cardinality(comments) + coalesce(jsonb_array_length(properties->'_surplus'),"
        " 0)) AS comments, count(created) AS dated, bool_or(comments[1] LIKE %s) AS multi_line,"
        f" max(cardinality(sprints)) AS sprints FROM {wharf.dataset('jira_issues')} WHERE issue_key LIKE %s",
        "%\n%",
        f"{key}-%",
    )[0]
    assert (kept["issues"], kept["comments"], kept["dated"]) == (expected.good, expected.total, expected.good)
    assert kept["multi_line"]
    assert kept["sprints"] == 3


def test_what_cannot_be_loaded_has_failed_with_its_error(client: httpx.Client, poll: Any, tmp_path: Path) -> None:
    """`failed` with a sentence, and the time at which that was clear."""
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(200))
    last = poll(upload(client, tmp_path / "picture.csv")["status_url"], over)[-1]
    assert last["status"] == "failed"
    assert isinstance(last["error"], str)
    assert last["error"]
    assert last["completed_at"]


def test_a_cancelled_job_says_so(wharf: Trial, client: httpx.Client, poll: Any, tmp_path: Path, prefix: str) -> None:
    """This client knows the state: it is shown as it is."""
    write_transactions(tmp_path / "t.csv", 400_000, prefix=prefix)
    answer = upload(client, tmp_path / "t.csv")
    wharf.api.post(f"/api/v1/jobs/{answer['job_id']}/cancel").raise_for_status()
    assert poll(answer["status_url"], over)[-1]["status"] == "cancelled"


def test_the_snapshot_is_in_redis_for_a_while(wharf: Trial, client: httpx.Client, tmp_path: Path, prefix: str) -> None:
    """Under the name that was promised, with the records, and it goes away by itself within thirty seconds."""
    write_jira_issues(tmp_path / "jira.csv", 2000, project_key=f"D{prefix.strip('-')}")
    name = f"ingest_progress:{upload(client, tmp_path / 'jira.csv')['job_id']}"
    with redis.Redis.from_url(wharf.connection.redis_url) as server:
        found = eventually(lambda: server.get(name), "a snapshot")
        assert "records_processed" in json.loads(found)
        assert 0 < server.ttl(name) <= 30


@pytest.mark.parametrize("field", ["upload", "files"])
def test_a_file_under_another_name_is_refused(client: httpx.Client, field: str) -> None:
    """Nothing is stored, and the answer names what is missing."""
    answer = client.post("/api/upload", files={field: ("a.csv", b"Issue key,Summary\nA-1,x\n")})
    assert answer.status_code in {400, 422}
    assert "file" in answer.text


def test_no_file_and_no_job_are_told_apart(client: httpx.Client, stranger: httpx.Client, tmp_path: Path) -> None:
    """No file is the sender's mistake; a job that there is not, and one of another company, are not found."""
    assert client.post("/api/upload").status_code in {400, 415, 422}
    assert client.get(f"/api/job/{uuid4()}").status_code == 404
    (tmp_path / "one.csv").write_text("Issue key,Summary,Status\nX-1,a,Done\n", encoding="utf-8")
    assert stranger.get(upload(client, tmp_path / "one.csv")["status_url"]).status_code == 404
