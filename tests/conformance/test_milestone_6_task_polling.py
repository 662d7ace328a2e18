from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from wharf.local.samples import write_transactions
from wharf.local.trial import Trial

STATES = ("PENDING", "STARTED", "PROGRESS", "SUCCESS", "FAILURE")
OVER = frozenset({"SUCCESS", "FAILURE"})


def over(answer: dict[str, Any]) -> bool:
    return answer["status"] in OVER


def test_a_test_task_is_submitted_by_the_curl_line(client: httpx.Client) -> None:
    """With a message and without one: exactly the three fields, pending."""
    for query in ("", "?message=Hello"):
        answer = client.post(f"/api/v1/tasks/test{query}")
        assert answer.is_success, answer.text
        assert set(answer.json()) == {"task_id", "status", "message"}
        assert answer.json()["status"] == "PENDING"


def test_its_status_is_polled_to_success_and_its_result_read(client: httpx.Client, poll: Any) -> None:
    """States and progress only go forward; the result is that of the message that was sent."""
    task_id = client.post("/api/v1/tasks/test", params={"message": "Hello, Größe"}).json()["task_id"]
    answers = poll(f"/api/v1/tasks/{task_id}", over)
    assert all({"task_id", "status", "progress", "message"} <= set(answer) for answer in answers)
    places = [STATES.index(answer["status"]) for answer in answers]
    assert places == sorted(places)
    assert (answers[-1]["task_id"], answers[-1]["status"], answers[-1]["progress"]) == (task_id, "SUCCESS", 100)
    result = client.get(f"/api/v1/tasks/{task_id}/result").raise_for_status().json()
    assert set(result) == {"task_id", "status", "result"}
    assert (result["task_id"], result["status"]) == (task_id, "SUCCESS")
    assert "Hello, Größe" in json.dumps(result["result"], ensure_ascii=False)


def test_any_job_is_a_task(wharf: Trial, client: httpx.Client, poll: Any, project: str, tmp_path: Path) -> None:
    """A task's id is its job's: an import is polled the same way and passes through progress with a message."""
    write_transactions(tmp_path / "t.csv", 200_000)
    job_id = wharf.upload(tmp_path / "t.csv", project_id=project)["job_id"]
    answers = poll(f"/api/v1/tasks/{job_id}", over)
    moving = [answer for answer in answers if answer["status"] == "PROGRESS"]
    assert moving
    assert all(0 <= answer["progress"] <= 100 and isinstance(answer["message"], str) for answer in moving)
    assert answers[-1]["status"] == "SUCCESS"


def test_a_failed_and_a_cancelled_task_are_failures(
    wharf: Trial, client: httpx.Client, poll: Any, project: str, tmp_path: Path
) -> None:
    """The message of a failed task says why; a cancelled one is a failure that says so."""
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    failed = wharf.upload(tmp_path / "bad.csv", profile="transactions", project_id=project)["job_id"]
    assert poll(f"/api/v1/tasks/{failed}", over)[-1]["message"]
    assert client.get(f"/api/v1/tasks/{failed}/result").json()["status"] == "FAILURE"
    write_transactions(tmp_path / "t.csv", 400_000)
    cancelled = wharf.upload(tmp_path / "t.csv", profile="transactions", project_id=project)["job_id"]
    wharf.api.post(f"/api/v1/jobs/{cancelled}/cancel").raise_for_status()
    last = poll(f"/api/v1/tasks/{cancelled}", over)[-1]
    assert (last["status"], "cancelled" in last["message"].lower()) == ("FAILURE", True)


def test_tasks_of_nobody_and_of_others_are_not_found(client: httpx.Client, stranger: httpx.Client) -> None:
    """Status and result alike; what is no id is refused."""
    task_id = client.post("/api/v1/tasks/test").json()["task_id"]
    for asking, wanted in ((client, uuid4()), (stranger, task_id)):
        assert asking.get(f"/api/v1/tasks/{wanted}").status_code == 404
        assert asking.get(f"/api/v1/tasks/{wanted}/result").status_code == 404
    assert client.get("/api/v1/tasks/abc-123").status_code in {404, 422}
