"""A broker that is away, or hangs, holds nobody up: a submit is as good as its row in the ledger."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

FILE = {"file": ("sales.csv", b"transaction_id,date,quantity,unit_price\n", "text/csv")}
BLOCKED_SECONDS = 5.0
"""Less than any time-out of the broker's: who waits for it takes longer, on any machine."""


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.fixture(params=["closed", "silent"])
def away(request, silent) -> str:
    """The address of a Redis that does not serve."""
    return "redis://127.0.0.1:1/0" if request.param == "closed" else silent


def test_submits_are_taken_without_redis(tenant, serve, away):
    """Broker and feed both away: every kind of submit is 202 and not blocked; its job waits, unpublished."""
    gateway = serve(WHARF_BROKER_URL=away, WHARF_REDIS_URL=away)
    with ExitStack() as stack:
        client = stack.enter_context(tenant.client(url=gateway.url))
        begun = time.monotonic()
        answers = [client.post("/api/v1/uploads", files=FILE, headers={"Idempotency-Key": f"k{n}"}) for n in range(3)]
        upload_id = answers[0].json()["upload_id"]
        answers.append(client.post(f"/api/v1/uploads/{upload_id}/import"))
        answers.append(client.post("/api/v1/tasks/test"))
        took = time.monotonic() - begun
    assert [answer.status_code for answer in answers] == [202, 202, 202, 202, 200]
    assert took < BLOCKED_SECONDS
    rows = tenant.execute("SELECT status, admitted, published_at FROM wharf.jobs")
    assert {(row["status"], row["admitted"], row["published_at"]) for row in rows} == {("queued", True, None)}


def test_jobs_are_steered_without_redis(tenant, serve, away):
    """Cancel, retry and bulk are the ledger's too."""
    gateway = serve(WHARF_BROKER_URL=away, WHARF_REDIS_URL=away)
    job, dead = tenant.job(), tenant.move(tenant.job(), tell=False, status="failed")
    with tenant.client(url=gateway.url) as client:
        assert client.post(f"/api/v1/jobs/{job.job_id}/cancel").json()["status"] == "cancelled"
        assert client.post(f"/api/v1/jobs/{dead.job_id}/retry").json()["status"] == "queued"
        body = {"action": "retry", "filter": {"status": "cancelled"}}
        assert client.post("/api/v1/jobs/bulk", json=body).json() == {"matched": 1, "done": 1}
        assert client.get(f"/api/v1/jobs/{job.job_id}").json()["status"] == "queued"
