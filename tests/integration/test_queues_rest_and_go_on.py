from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from wharf.local.trial import Trial, eventually

HEADER = "transaction_id,date,quantity,unit_price\n"
BULK = "/api/v1/jobs/bulk"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three rows."""
    path = tmp_path / "sales.csv"
    path.write_text(HEADER + "".join(f"t{n},2025-01-02,{n},3.50\n" for n in range(3)))
    return path


@pytest.fixture
def paused(wharf: Trial) -> Iterator[Trial]:
    """The queue `ingest` rests for the tenant, and goes on afterwards."""
    wharf.api.post("/api/v1/queues/ingest/pause").raise_for_status()
    yield wharf
    wharf.api.post("/api/v1/queues/ingest/resume").raise_for_status()


@pytest.fixture
def platform(wharf: Trial) -> Iterator[httpx.Client]:
    """The installation's owner."""
    headers = {"X-API-Key": wharf.connection.platform_key}
    with httpx.Client(base_url=wharf.connection.url, headers=headers, timeout=30) as client:
        yield client


def waits(wharf: Trial, job_id: str) -> bool:
    """Its message was taken by a worker, who left the job alone."""
    row = wharf.ask("SELECT status, attempt, published_at FROM wharf.jobs WHERE id = %s", job_id)[0]
    return (row["status"], row["attempt"], row["published_at"]) == ("queued", 1, None)


def test_a_paused_queue_starts_nothing_until_it_goes_on(
    paused: Trial, platform: httpx.Client, project: str, file: Path
) -> None:
    """The tenant's jobs wait, another tenant's run meanwhile; once resumed they run too, none is lost."""
    job_id = paused.upload(file, profile="transactions", project_id=project)["job_id"]
    platform.post("/api/v1/tenants", json={"name": project}).raise_for_status()
    order = {"name": "other", "role": "operator", "tenant": project}
    key = platform.post("/api/v1/keys", json=order).raise_for_status().json()["key"]
    with httpx.Client(base_url=paused.connection.url, headers={"X-API-Key": key}, timeout=30) as other:
        sent = other.post("/api/v1/uploads", files={"file": (file.name, file.read_bytes())}).raise_for_status().json()
        eventually(lambda: other.get(sent["status_url"]).json()["status"] == "completed", "the other tenant's import")
    eventually(lambda: waits(paused, job_id), "the refused claim")
    assert paused.job(job_id)["status"] == "queued"
    paused.api.post("/api/v1/queues/ingest/resume").raise_for_status()
    assert paused.ended(job_id)["status"] == "completed"


def test_many_waiting_jobs_are_cancelled_and_tried_again(paused: Trial, project: str, tmp_path: Path) -> None:
    """Cancelled as they wait nothing of them is loaded; tried again all of them are, each once."""
    files = [tmp_path / f"{n}.csv" for n in range(3)]
    for file in files:
        file.write_text(f"{HEADER}{file.stem},2025-01-02,1,3.50\n")
    sent = [paused.upload(file, profile="transactions", project_id=project, mode="append") for file in files]
    body = {"action": "cancel", "filter": {"project_id": project}}
    assert paused.api.post(BULK, json=body).json() == {"matched": 3, "done": 3}
    assert {paused.job(one["job_id"])["status"] for one in sent} == {"cancelled"}
    paused.api.post("/api/v1/queues/ingest/resume").raise_for_status()
    assert paused.api.post(BULK, json=body | {"action": "retry"}).json() == {"matched": 3, "done": 3}
    assert {paused.ended(one["job_id"])["status"] for one in sent} == {"completed"}
    loaded = f"SELECT count(*) FROM {paused.dataset()} WHERE project_id = %s"
    assert paused.one(loaded, project) == 3


def test_the_workers_tell_of_themselves(wharf: Trial) -> None:
    """Every queue of imports has a worker that lives, and its places are in the queue's figures."""

    def served() -> bool:
        workers = [one for one in wharf.api.get("/api/v1/workers").json()["items"] if one["alive"]]
        return {"ingest", "ingest-bulk", "maintenance"} <= {queue for one in workers for queue in one["queues"]}

    eventually(served, "the workers")
    slots = {one["name"]: one["slots"] for one in wharf.api.get("/api/v1/queues").json()["items"]}
    assert min(slots["ingest"], slots["ingest-bulk"], slots["maintenance"]) >= 1


def test_a_request_that_comes_again_is_one_import(wharf: Trial, project: str, file: Path) -> None:
    """Sent twice under one key the rows are there once, though they are appended."""
    fields = {"profile": "transactions", "project_id": project, "mode": "append"}
    answers = [
        wharf.api.post(
            "/api/v1/uploads",
            data=fields,
            files={"file": (file.name, file.read_bytes())},
            headers={"Idempotency-Key": project},
        ).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert wharf.ended(answers[0]["job_id"])["status"] == "completed"
    assert wharf.one("SELECT count(*) FROM wharf.jobs WHERE project_id = %s", project) == 1
