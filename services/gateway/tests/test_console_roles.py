"""What a page hides, the server refuses: a viewer with a session changes nothing, whatever they call."""

from __future__ import annotations

import re
from uuid import uuid4

import httpx
import pytest

from wharf.gateway.sessions import COOKIE, proof_of

SAFE = {"get", "head", "options"}
PARAMETER = re.compile(r"\{(\w+)\}")
KNOWN = {"name": "ingest", "profile": "transactions", "level": "monthly"}


@pytest.fixture
def viewer(tenant):
    """Somebody with a viewer's session, whose requests carry the proof."""
    with httpx.Client(base_url=tenant.gateway.url, timeout=20, headers={"Origin": tenant.gateway.url}) as client:
        client.post("/login", data={"key": tenant.keys["viewer"]})
        client.headers["X-CSRF-Token"] = proof_of(client.cookies[COOKIE])
        yield client


def changes(client: httpx.Client) -> list[tuple[str, str]]:
    """Every route of the API that changes something."""
    paths = client.get("/openapi.json").json()["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods if method not in SAFE]


def test_a_viewer_changes_nothing_by_calling_routes(viewer, tenant):
    """Each route that changes something says 403, before it looks at anything else."""
    job = tenant.job()
    found = changes(viewer)
    assert len(found) > 30
    answers = {}
    for method, path in found:
        place = PARAMETER.sub(lambda name: KNOWN.get(name[1], str(job.job_id if "job" in name[1] else uuid4())), path)
        answers[f"{method} {path}"] = viewer.request(method, place, json={}).status_code
    assert {call: status for call, status in answers.items() if status != 403} == {}
    assert tenant.view(job.job_id).status == "queued"
    with tenant.client() as admin:
        assert admin.get("/api/v1/audit").json()["items"] == []


def test_a_viewer_is_shown_no_way_to_change_anything(viewer, tenant):
    """No button calls the API, no form but those of search and log-out."""
    job = tenant.job()
    tenant.move(job, status="failed")
    for path in ("/", "/jobs?state=failed", f"/jobs/{job.job_id}"):
        page = viewer.get(path)
        assert page.status_code == 200
        assert "data-call" not in page.text
        assert "data-bulk" not in page.text


def test_an_operator_is_shown_what_they_may_do(tenant):
    """The same pages with buttons; `data-call` names the API's own route."""
    job = tenant.job()
    tenant.move(job, status="failed")
    with tenant.client("operator") as operator:
        assert f'data-call="POST /api/v1/jobs/{job.job_id}/retry"' in operator.get(f"/jobs/{job.job_id}").text
        assert "Discard all that match" in operator.get("/jobs?state=failed").text


def test_a_job_of_another_tenant_is_not_there(make_tenant):
    """As for the API: the same page as for one that never was."""
    one, other = make_tenant(), make_tenant()
    job = one.job()
    with other.client() as client:
        assert client.get(f"/jobs/{job.job_id}").status_code == 404
        assert client.get(f"/jobs/{uuid4()}").status_code == 404


def test_a_key_of_one_project_sees_its_jobs(tenant):
    """On the list, in its counts, among those with the same error, on the overview."""
    for project in ("p1", "p2"):
        tenant.move(
            tenant.job(project_id=project, label=f"{project}.csv"),
            status="failed",
            error='{"code": "bad", "message": "m", "detail": null, "retryable": false}',
        )
    bound = tenant.key("viewer", project_id="p1")
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": bound["key"]}) as client:
        page = client.get("/jobs").text
        assert "p1.csv" in page
        assert "p2.csv" not in page
        assert "1 job failed" in client.get("/").text
        assert client.get("/jobs?project_id=p2").status_code == 403
