"""Why a job that waits does not begin is said on its page, and on that of the file that it looks at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from uuid import uuid4

import httpx
import psycopg
import pytest

UNSERVED = "No worker serves the queue ingest"
PAUSED = "The queue ingest is paused"


@pytest.fixture
def page(tenant) -> Callable[[str], str]:
    """A page as somebody who looks on sees it."""

    def show(path: str) -> str:
        url = tenant.gateway.url
        with httpx.Client(base_url=url, timeout=20, headers={"Origin": url}) as viewer:
            viewer.post("/login", data={"key": tenant.keys["viewer"]})
            return viewer.get(path).text

    return show


@contextmanager
def a_worker(backend):
    """Somebody serves the queue."""
    name = f"w-{uuid4().hex}"
    seen = "SELECT wharf.worker_seen(%s, 'ingest-worker', 'here', 7, '{ingest}', 3, '1.2.3')"
    with psycopg.connect(backend.owner_url, autocommit=True) as owner:
        owner.execute(seen, (name,))
        yield
        owner.execute("DELETE FROM wharf.workers WHERE name = %s", (name,))


def test_a_job_that_nobody_works_on_says_so(tenant, backend, page):
    """Until somebody does; one that runs or has ended waits for nobody."""
    job = tenant.job()
    assert UNSERVED in page(f"/jobs/{job.job_id}")
    with a_worker(backend):
        assert UNSERVED not in page(f"/jobs/{job.job_id}")
    tenant.move(job, status="running")
    assert UNSERVED not in page(f"/jobs/{job.job_id}")


def test_a_job_of_a_paused_queue_says_why(tenant, api, backend, page):
    """In the words of whoever paused it, as text."""
    job = tenant.job()
    with a_worker(backend):
        api.post("/api/v1/queues/ingest/pause", json={"reason": "<b>New prices</b> come at noon."}).raise_for_status()
        shown = page(f"/jobs/{job.job_id}")
        assert PAUSED in shown
        assert "The reason: &lt;b&gt;New prices&lt;/b&gt; come at noon." in shown
        api.post("/api/v1/queues/ingest/resume").raise_for_status()
        assert PAUSED not in page(f"/jobs/{job.job_id}")


def test_another_queue_s_pause_holds_nothing_up(tenant, api, backend, page):
    """Nor another tenant's."""
    job = tenant.job()
    with a_worker(backend):
        api.post("/api/v1/queues/package/pause", json={}).raise_for_status()
        assert "is paused" not in page(f"/jobs/{job.job_id}")


def test_a_file_that_is_not_looked_at_says_why(tenant, api, backend, page):
    """Where somebody waits for its columns."""
    with tenant.client("operator") as operator:
        form = {"start": "false", "profile": "transactions"}
        upload = operator.post("/api/v1/uploads", data=form, files={"file": ("s.csv", b"a,b\n1,2\n")}).json()
    assert UNSERVED in page(f"/files/{upload['upload_id']}")
    with a_worker(backend):
        assert UNSERVED not in page(f"/files/{upload['upload_id']}")
        api.post("/api/v1/queues/ingest/pause", json={"reason": "Stocktaking."}).raise_for_status()
        assert "The reason: Stocktaking." in page(f"/files/{upload['upload_id']}")
