from __future__ import annotations

import pytest

from tests.chaos import faults
from tests.chaos.faults import Fault
from tests.chaos.stack import Chaos
from wharf.local.trial import eventually

CODES = {"disk full": "storage_full", "storage refuses": "storage_unavailable"}
FAULTS = [fault for fault in faults.STORAGE if fault.name in CODES]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_package_without_room_says_so_and_leaves_nothing(chaos: Chaos, fault: Fault) -> None:
    """The job waits with a code; no file of it is there, in part or whole. With room, it is made."""
    trial = chaos.trial
    wish = {"package_type": "asset_register", "options": {"formats": ["xlsx", "pdf"], "force": True}}
    with fault.during(chaos):
        job_id = trial.api.post("/api/v1/packages", json=wish).raise_for_status().json()["job_id"]
        job = trial.until(job_id, "to be tried again", lambda job: job["status"] == "retrying")
        assert (job["error"]["code"], job["error"]["retryable"]) == (CODES[fault.name], True)
        assert trial.api.get(f"/api/v1/packages/{job_id}/files").json()["code"] == "package_not_completed"
        assert [path for path in chaos.objects.rglob("*") if job_id in str(path) and path.is_file()] == []
    trial.api.post(f"/api/v1/jobs/{job_id}/retry").raise_for_status()
    assert trial.ended(job_id)["status"] == "completed"
    assert eventually(lambda: trial.api.get(f"/api/v1/packages/{job_id}/bundle.zip").is_success, "its files")
