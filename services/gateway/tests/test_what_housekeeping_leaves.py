"""What was removed when its time was over is said to be gone; what only lives elsewhere is shown as ever."""

from __future__ import annotations

import json

import httpx
import psycopg
import pytest

from wharf.common.clock import new_id
from wharf.common.jobs.results import kept, result_key

LARGE = {
    "rows_read": 3,
    "dialect": {"format": "csv", "delimiter": ";", "quote": '"', "escape": None},
    "mapping": [{"source": f"column {n}", "target": None} for n in range(3_000)],
}


@pytest.fixture
def large(tenant, gateway):
    """A completed import whose result is in the storage; nobody has told of it."""
    job = tenant.job()
    short = kept(gateway.resources.storage, tenant.id, job.job_id, job.attempt, LARGE)
    return tenant.move(job, tell=False, status="completed", result=json.dumps(short))


def test_a_large_result_is_shown_whole(api, tenant, large):
    """By the job, from the ledger and from its snapshot, and by itself; a list has what is short of it."""
    own = f"/api/v1/jobs/{large.job_id}"
    assert api.get(own).json()["result"] == api.get(f"{own}/result").json() == LARGE
    tenant.feed.tell(tenant.view(large.job_id), tenant.id)
    assert api.get(own).json()["result"] == LARGE
    (listed,) = api.get("/api/v1/jobs").json()["items"]
    assert (listed["result"]["rows_read"], "mapping" in listed["result"]) == (3, False)
    assert listed["result"]["_stored"]["left_out"] == ["mapping"]


def test_rejects_are_written_by_the_whole_result(api, large):
    """Their header is what is long of it."""
    head = api.get(f"/api/v1/jobs/{large.job_id}/rejects.csv").text.splitlines()[0]
    assert head.startswith("\ufeffcolumn 0,column 1,")
    assert head.endswith("column 2999,_wharf_line,_wharf_errors,_wharf_import")


def test_a_lost_result_hides_no_job(api, tenant, gateway, large):
    """The job says what its row knows; who asks for the result is told that it is gone."""
    gateway.resources.storage.delete(result_key(tenant.id, large.job_id, large.attempt))
    own = f"/api/v1/jobs/{large.job_id}"
    assert api.get(own).json()["result"]["rows_read"] == 3
    answer = api.get(f"{own}/result")
    assert (answer.status_code, answer.json()["code"]) == (410, "result_missing")


def test_another_tenant_gets_nothing_of_it(make_tenant, large):
    """Neither the row nor the object."""
    with make_tenant().client() as stranger:
        for part in ("", "/result"):
            assert stranger.get(f"/api/v1/jobs/{large.job_id}{part}").status_code == 404


def test_a_removed_upload_is_still_known_and_imported_no_more(api, tenant):
    """Nor is a dry run of it committed: 410, with what to do."""
    job = tenant.job()
    upload = tenant.upload_of(job)
    tenant.execute("UPDATE wharf.uploads SET removed_at = now() WHERE id = :id", id=upload)
    tenant.move(job, status="completed", result="{}")
    tenant.execute("""UPDATE wharf.jobs SET payload = payload || '{"dry_run": true}' WHERE id = :id""", id=job.job_id)
    shown = api.get(f"/api/v1/uploads/{upload}").json()
    assert (shown["file_name"], shown["removed_at"] is None) == ("sales.csv", False)
    for path in (f"/api/v1/uploads/{upload}/import", f"/api/v1/jobs/{job.job_id}/commit"):
        answer = api.post(path)
        assert (answer.status_code, answer.json()["code"]) == (410, "upload_removed")
        assert "Upload it again" in answer.json()["detail"]


def test_removed_rejects_are_no_empty_list(api, tenant):
    """Who looks for them is told when they went."""
    job = tenant.job()
    tenant.execute(
        "UPDATE wharf.imports SET rejects_removed_at = now() WHERE id ="
        " (SELECT (payload ->> 'import_id')::uuid FROM wharf.jobs WHERE id = :id)", id=job.job_id,
    )  # fmt: skip
    for part in ("rejects", "rejects.csv"):
        answer = api.get(f"/api/v1/jobs/{job.job_id}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (410, "rejects_removed")


def test_a_removed_package_can_be_ordered_again(api, tenant):
    """Its job stays; its files are gone."""
    job = tenant.job()
    result = {"files": [], "made_by": str(job.job_id), "removed_at": "2026-01-01T00:00:00Z"}
    tenant.move(job, tell=False, kind="package", status="completed", result=json.dumps(result))
    for part in ("files", "files/a.pdf", "bundle.zip"):
        answer = api.get(f"/api/v1/packages/{job.job_id}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (410, "package_removed")


def test_the_platform_sees_the_jobs_of_the_installation_and_no_others(backend, gateway, tenant):
    """Those are about nobody's data; a tenant's is not there, and no key of a tenant sees them."""
    own = new_id()
    query = (
        "INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status)"
        " VALUES (%s, '00000000-0000-0000-0000-000000000000', 'default', 'cleanup', 'maintenance', 1, 'queued')"
    )
    with psycopg.connect(backend.owner_url, autocommit=True) as owner:
        owner.execute(query, [own])
    parts = ("", "/logs", "/attempts")
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as platform:
        assert [platform.get(f"/api/v1/jobs/{own}{part}").status_code for part in parts] == [200] * 3
        theirs = tenant.job().job_id
        assert [platform.get(f"/api/v1/jobs/{theirs}{part}").status_code for part in parts] == [404] * 3
        assert platform.post(f"/api/v1/jobs/{theirs}/cancel").status_code == 404
        assert platform.get("/api/v1/jobs").status_code == 403
        assert platform.post(f"/api/v1/jobs/{own}/cancel").json()["status"] == "cancelled"
    with tenant.client() as api:
        assert api.get(f"/api/v1/jobs/{own}").status_code == 404
