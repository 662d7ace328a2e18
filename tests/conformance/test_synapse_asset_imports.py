from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from wharf.local.samples import write_assets, write_transactions
from wharf.local.trial import Trial

STATES = ("PENDING", "PROGRESS", "SUCCESS", "FAILURE")
OVER = frozenset({"SUCCESS", "FAILURE"})
Parts = list[tuple[str, tuple[str | None, bytes | str, str | None]]]
KNOWN = {"status", "percent", "message", "result", "error"}


def over(answer: dict[str, Any]) -> bool:
    return answer["status"] in OVER


def upload_csv(client: httpx.Client, project_id: str, path: Path) -> dict[str, Any]:
    """`JobService.uploadCSV`: the form has the file first, then the project."""
    parts: Parts = [("file", (path.name, path.read_bytes(), "text/csv")), ("project_id", (None, project_id, None))]
    answer = client.post("/api/v1/ingestion/upload-csv", files=parts)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def status_path(job_id: str) -> str:
    return f"/api/v1/ingestion/job-status/{job_id}"


def test_an_upload_is_queued_at_once(client: httpx.Client, project: str, tmp_path: Path) -> None:
    """The curl line's form; exactly the three fields that the page reads."""
    write_assets(tmp_path / "test_data.csv", 20)
    answer = upload_csv(client, project, tmp_path / "test_data.csv")
    assert set(answer) == {"job_id", "status", "message"}
    assert answer["status"] == "QUEUED"
    assert isinstance(answer["message"], str)


def test_the_project_may_come_before_the_file(client: httpx.Client, poll: Any, project: str, tmp_path: Path) -> None:
    """Forms have no order: the rows are in the project that was said."""
    write_assets(tmp_path / "a.csv", 30)
    content = (tmp_path / "a.csv").read_bytes()
    parts: Parts = [("project_id", (None, project, None)), ("file", ("a.csv", content, "text/csv"))]
    job_id = client.post("/api/v1/ingestion/upload-csv", files=parts).raise_for_status().json()["job_id"]
    assert poll(status_path(job_id), over)[-1]["result"]["created_count"] == 30


def test_three_thousand_assets_are_created(
    wharf: Trial, client: httpx.Client, poll: Any, project: str, tmp_path: Path
) -> None:
    """The result has the three fields with their counts; states and percent only go forward; columns are kept."""
    expected = write_assets(tmp_path / "assets.csv", 3000)
    job_id = upload_csv(client, project, tmp_path / "assets.csv")["job_id"]
    answers = poll(status_path(job_id), over)
    assert all(set(answer) <= KNOWN for answer in answers)
    places = [STATES.index(answer["status"]) for answer in answers]
    assert places == sorted(places)
    percents = [answer.get("percent", 0) for answer in answers if answer["status"] != "SUCCESS"]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)
    assert answers[-1]["result"] == {"status": "SUCCESS", "created_count": expected.rows, "total_rows": expected.rows}
    kept = wharf.ask(
        "SELECT count(*), sum((properties->>'weight_kg')::numeric) AS weight"
        f" FROM {wharf.dataset('assets')} WHERE project_id = %s",
        project,
    )[0]
    assert (kept["count"], kept["weight"]) == (expected.rows, expected.total)


@pytest.mark.parametrize("column", ["tag", "type"])
def test_an_asset_without_a_tag_stops_the_import(
    wharf: Trial, client: httpx.Client, poll: Any, project: str, tmp_path: Path, column: str
) -> None:
    """As that system does it: FAILURE, the error names the rows, and nothing of the file is kept."""
    cells = {"tag": ["P-1,PUMP", ",PUMP", "P-3,PUMP"], "type": ["P-1,PUMP", "P-2,", "P-3,PUMP"]}[column]
    (tmp_path / "bad.csv").write_text("\n".join(["tag,type", *cells]) + "\n", encoding="utf-8")
    last = poll(status_path(upload_csv(client, project, tmp_path / "bad.csv")["job_id"]), over)[-1]
    assert last["status"] == "FAILURE"
    assert column in last["error"]
    assert "3" in last["error"]
    rows = wharf.api.get("/api/v1/datasets/assets/rows", params={"project_id": project}).json()
    assert rows["items"] == []


def test_the_page_hears_of_its_job_through_the_socket(
    client: httpx.Client, socket: Any, project: str, tmp_path: Path
) -> None:
    """`useWebSocket`: every frame has the log's fields; those of the job have its percent, and it ends at 100."""
    write_assets(tmp_path / "assets.csv", 3000, prefix="W")
    log = socket("/api/v1/ws?format=log")
    job_id = upload_csv(client, project, tmp_path / "assets.csv")["job_id"]
    progress: list[float] = []
    while not progress or progress[-1] < 100:
        last_log = json.loads(log.recv(timeout=60))
        assert {"level", "message", "source", "action_type", "context"} <= set(last_log)
        assert last_log["source"] == "CELERY"
        if (last_log["context"] or {}).get("task_id") == job_id:
            assert {"percent", "current", "total"} <= set(last_log["context"])
            assert last_log["action_type"] == "PROGRESS"
            assert isinstance(last_log["message"], str)
            progress.append(last_log["context"]["percent"])
    assert progress == sorted(progress)


def test_a_cancelled_job_is_a_failure_that_says_so(
    wharf: Trial, client: httpx.Client, poll: Any, project: str, tmp_path: Path
) -> None:
    """This client knows no cancelled state."""
    write_assets(tmp_path / "assets.csv", 300_000)
    job_id = upload_csv(client, project, tmp_path / "assets.csv")["job_id"]
    wharf.api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    last = poll(status_path(job_id), over)[-1]
    assert (last["status"], "cancelled" in last["error"]) == ("FAILURE", True)


def test_a_file_of_something_else_is_a_failure(client: httpx.Client, poll: Any, project: str, tmp_path: Path) -> None:
    """The route takes assets only: a file of sales has no tag, and the error says so."""
    write_transactions(tmp_path / "t.csv", 5)
    last = poll(status_path(upload_csv(client, project, tmp_path / "t.csv")["job_id"]), over)[-1]
    assert last["status"] == "FAILURE"
    assert "tag" in last["error"]


def test_what_is_asked_wrongly_is_refused(client: httpx.Client, stranger: httpx.Client, project: str) -> None:
    """No file, a file under another name, no project, a name that is no project, a job of nobody or of others."""
    route = "/api/v1/ingestion/upload-csv"
    file = ("a.csv", b"tag,type\nP-1,PUMP\n")
    assert client.post(route, data={"project_id": project}).status_code in {400, 415, 422}
    assert client.post(route, data={"project_id": project}, files={"csv": file}).status_code in {400, 422}
    assert client.post(route, data={"project_id": "not a slug!"}, files={"file": file}).status_code in {400, 422}
    assert client.get(status_path(str(uuid4()))).status_code == 404
    job_id = client.post(route, data={"project_id": project}, files={"file": file}).raise_for_status().json()["job_id"]
    assert stranger.get(status_path(job_id)).status_code == 404
