"""Housekeeping in the running stack: tried and done by the platform's key, and what a tenant then sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wharf.local.samples import write_transactions
from wharf.local.trial import Trial, eventually

CLEANUP = "SELECT id::text FROM wharf.schedules WHERE builtin AND name = 'cleanup'"
AGE = "UPDATE wharf.{0} SET {1} = {1} - interval '100 days' WHERE {2} = %s RETURNING 1"


@pytest.fixture
def platform(wharf: Trial) -> dict[str, str]:
    """The headers of the installation's owner."""
    return {"Authorization": f"Bearer {wharf.connection.platform_key}"}


def clean(wharf: Trial, platform: dict[str, str], **wish: bool) -> dict[str, Any]:
    """Run the built-in schedule by hand, and wait for what it says."""
    schedule = eventually(lambda: wharf.ask(CLEANUP), "the built-in schedule")[0]["id"]
    path = f"/api/v1/schedules/{schedule}/run"
    job = wharf.api.post(path, json=wish, headers=platform).raise_for_status().json()
    own = f"/api/v1/jobs/{job['job_id']}"

    def ended() -> dict[str, Any] | None:
        shown: dict[str, Any] = wharf.api.get(own, headers=platform).raise_for_status().json()
        return shown if shown["status"] in {"completed", "failed", "cancelled"} else None

    shown = eventually(ended, "the clean-up")
    assert shown["status"] == "completed", shown["error"]
    return dict(shown["result"])


def test_what_is_old_goes_and_what_it_was_is_still_told(
    tenant: Trial, platform: dict[str, str], tmp_path: Path, project: str
) -> None:
    """A dry run says it and changes nothing; afterwards the dataset is as it was, the rest is gone and says so."""
    expected = write_transactions(tmp_path / "t.csv", 200, seed=8, bad=5)
    job = tenant.load(tmp_path / "t.csv", project_id=project, profile="transactions")
    upload, imported = job["result"]["upload_id"], job["result"]["import_id"]
    tenant.ask(AGE.format("uploads", "created_at", "id"), upload)
    tenant.ask(
        "UPDATE wharf.imports SET created_at = created_at - interval '100 days' WHERE id = %s RETURNING 1", imported
    )
    tenant.ask(AGE.format("imports", "merged_at", "id"), imported)
    tenant.ask(AGE.format("jobs", "finished_at", "id"), job["job_id"])
    said = clean(tenant, platform, dry_run=True)
    assert (said["dry_run"], said["removed"]["rejects"]) == (True, 5)
    own = f"/api/v1/jobs/{job['job_id']}"
    assert len(tenant.api.get(f"{own}/rejects").json()["items"]) == 5
    done = clean(tenant, platform)
    assert (done["complete"], done["removed"]["rejects"]) == (True, 5)
    assert done["removed"]["uploads"] >= 1
    answers = tenant.api.get(f"{own}/rejects"), tenant.api.post(f"/api/v1/uploads/{upload}/import")
    assert [answer.json()["code"] for answer in answers] == ["rejects_removed", "upload_removed"]
    assert tenant.api.post(f"{own}/undo").json()["code"] == "no_prior_values"
    rows = tenant.api.get("/api/v1/datasets/transactions/rows", params={"limit": 1000, "project_id": project}).json()
    assert len(rows["items"]) == expected.good
    assert tenant.job(job["job_id"])["result"] == job["result"]


def test_a_large_result_of_a_worker_lives_in_the_storage(tenant: Trial, tmp_path: Path) -> None:
    """An inspection with a long sample: the ledger keeps what is short, everybody is shown all of it."""
    path = tmp_path / "long.csv"
    rows = [",".join([f"T-{n}", "PUMP", *(f"{'long text ' * 30}{n}" for _ in range(6))]) for n in range(110)]
    path.write_text("\n".join(["tag,type,a,b,c,d,e,f", *rows, ""]), encoding="utf-8")
    upload = tenant.upload(path, start="false", profile="assets")
    job = tenant.ended(upload["job_id"])
    assert job["status"] == "completed", job["error"]
    kept = tenant.one("SELECT result FROM wharf.jobs WHERE id = %s", job["job_id"])
    assert "sample" in kept["_stored"]["left_out"]
    assert len(job["result"]["sample"]) == 100
    shown = tenant.api.get(f"/api/v1/uploads/{upload['upload_id']}").json()["inspection"]
    assert shown == tenant.api.get(f"/api/v1/jobs/{job['job_id']}/result").json() == job["result"]
