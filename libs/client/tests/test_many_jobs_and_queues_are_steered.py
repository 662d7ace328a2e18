from __future__ import annotations

import json
from typing import Any

import pytest

from wharf.client.testing import JOB, Gateway, job_document

BULK = "POST /api/v1/jobs/bulk"
QUEUE = {
    "name": "ingest", "paused": True, "paused_by": "tenant", "paused_at": "2025-11-30T10:11:12Z", "waiting": 4,
    "depth": {"low": 0, "normal": 4, "high": 0, "urgent": 0}, "oldest_wait_seconds": 75.0, "running": 1, "slots": 2,
}  # fmt: skip
REASON = {"pause_reason": "the disk is replaced"}


@pytest.mark.parametrize(
    ("action", "said"), [("cancel", "cancelled"), ("retry", "tried again"), ("discard", "discarded")]
)
def test_all_jobs_of_a_filter_are_steered(wharf: Any, known: Gateway, action: str, said: str) -> None:
    """One request for all; it is told to how many it was done, and what is left."""
    known.says(BULK, {"matched": 1200, "done": 1200}, {"matched": 5, "done": 3})
    filters = ["--status", "failed", "--status", "cancelled", "--kind", "import", "--project", "p1", "-q", "sales"]
    assert wharf("jobs", action, "--all", *filters) == 0
    assert wharf.out == f"1,200 jobs are {said}.\n"
    assert wharf("jobs", action, "--all", "--queue", "ingest") == 0
    assert wharf.out == f"3 jobs are {said}. 2 are left: call this again.\n"
    first, second = (json.loads(request.body) for request in known.requests(BULK))
    wanted = {"status": ["failed", "cancelled"], "kind": "import", "project_id": "p1", "q": "sales"}
    assert first == {"action": action, "filter": wanted, "dry_run": False}
    assert second["filter"] == {"queue": "ingest"}


def test_a_dry_run_only_counts(wharf: Any, known: Gateway) -> None:
    """It says so."""
    known.says(BULK, {"matched": 7, "done": 0})
    assert wharf("jobs", "cancel", "--all", "--status", "queued", "--dry-run") == 0
    assert wharf.out == "7 jobs would be cancelled. Nothing was changed.\n"
    assert json.loads(known.requests(BULK)[0].body)["dry_run"] is True


@pytest.mark.parametrize(
    "arguments", [[], [JOB, "--all"], [JOB, "--status", "failed"], ["--status", "failed"], [JOB, "--dry-run"]]
)
def test_one_job_or_all_has_to_be_said(wharf: Any, known: Gateway, arguments: list[str]) -> None:
    """A filter without --all, or both at once, is a wrong call: nothing is sent."""
    known.says(f"POST /api/v1/jobs/{JOB}/cancel", job_document("cancelled"))
    assert wharf("jobs", "cancel", *arguments) == 2
    assert "--all" in wharf.err
    assert known.asked == []


def test_all_without_a_filter_is_the_servers_refusal(wharf: Any, known: Gateway) -> None:
    """Its sentence is told, exit code 1."""
    known.says(BULK, {"title": "Unprocessable", "detail": "The filter is empty."}, status=422)
    assert wharf("jobs", "cancel", "--all") == 1
    assert wharf.err == "wharf: The filter is empty.\n"


def test_queues_are_listed_paused_and_resumed(wharf: Any, known: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the tenant with its own key, for everybody with the platform's."""
    monkeypatch.setenv("WHARF_PLATFORM_KEY", "platform")
    known.says("GET /api/v1/queues", {"items": [QUEUE], "next_cursor": None})
    known.says("POST /api/v1/queues/ingest/pause", QUEUE | {"paused_by": "platform"}, QUEUE | REASON)
    known.says("POST /api/v1/queues/ingest/resume", QUEUE | {"paused": False, "paused_by": None})
    assert wharf("queues", "ls") == 0
    assert "ingest  4        1 min 15 s  1        2      by the tenant" in wharf.out
    assert wharf("queues", "ls", "--json") == 0
    assert json.loads(wharf.out) == [QUEUE]
    assert wharf("queues", "pause", "ingest", "--everybody") == 0
    assert wharf.out == "The queue ingest is paused by the platform: 4 waiting, 1 running.\n"
    assert wharf("queues", "pause", "ingest", "--reason", "the disk is replaced") == 0
    assert wharf.out == "The queue ingest is paused by the tenant (the disk is replaced): 4 waiting, 1 running.\n"
    bodies = [request.body for request in known.requests("POST /api/v1/queues/ingest/pause")]
    assert (bodies[0], json.loads(bodies[1])) == (b"", {"reason": "the disk is replaced"})
    assert wharf("queues", "resume", "ingest") == 0
    assert wharf.out == "The queue ingest is open: 4 waiting, 1 running.\n"
    keys = [request.headers["authorization"] == "Bearer platform" for request in known.asked]
    assert keys == [False, False, True, False, False]


def test_workers_are_listed(wharf: Any, known: Gateway) -> None:
    """Who works, on what, and who has gone silent."""
    worker = {"name": "w-1", "queues": ["ingest", "ingest-bulk"], "slots": 2, "version": "1.0", "alive": False}
    known.says("GET /api/v1/workers", {"items": [worker], "next_cursor": None})
    assert wharf("workers") == 0
    assert "w-1     ingest,ingest-bulk  2      1.0      silent" in wharf.out
    assert wharf("workers", "--json") == 0
    assert json.loads(wharf.out) == [worker]


def test_a_tenant_is_limited_with_the_platforms_key(
    wharf: Any, known: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is said changes; to say nothing is a wrong call."""
    monkeypatch.setenv("WHARF_PLATFORM_KEY", "platform")
    known.says("PATCH /api/v1/tenants/acme", {"name": "acme", "limits": {"published": 50, "urgent": 20}})
    assert wharf("tenants", "limit", "acme", "--published", "50") == 0
    assert wharf.out == "The tenant acme has 50 places in each queue, and 20 urgent ones.\n"
    (request,) = known.requests("PATCH /api/v1/tenants/acme")
    assert json.loads(request.body) == {"limits": {"published": 50}}
    assert request.headers["authorization"] == "Bearer platform"
    assert wharf("tenants", "limit", "acme") == 2
