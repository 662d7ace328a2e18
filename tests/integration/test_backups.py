"""Backups in the running stack: ordered over HTTP, made and restored on trial by the maintenance worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from wharf.local.samples import write_transactions
from wharf.local.trial import Trial, eventually

PATH = "/api/v1/backups"


def done(platform: httpx.Client, path: str) -> dict[str, Any]:
    """The result of the job that a request begins, when it has ended."""
    job = platform.post(path).raise_for_status().json()

    def ended() -> Any:
        seen = platform.get(f"/api/v1/jobs/{job['job_id']}").raise_for_status().json()
        return seen if seen["status"] in {"completed", "failed"} else None

    found: dict[str, Any] = eventually(ended, "the end of the job")
    assert found["status"] == "completed", found["error"]
    assert found["progress"]["percent"] == 100
    return dict(found["result"]) | {"job_id": job["job_id"]}


def test_rows_that_were_loaded_are_in_a_backup_that_can_be_restored(tenant: Trial, tmp_path: Path) -> None:
    """It is listed when it is whole, and says so when it was restored on trial."""
    write_transactions(tmp_path / "t.csv", 300, seed=1)
    assert tenant.load(tmp_path / "t.csv", profile="transactions")["result"]["inserted"] == 300
    headers = {"X-API-Key": tenant.connection.platform_key}
    with httpx.Client(base_url=tenant.connection.url, headers=headers, timeout=30) as platform:
        made = done(platform, PATH)
        assert made["backup_id"] == made["job_id"]
        newest = platform.get(PATH).json()["items"][0]
        assert (newest["id"], newest["sha256"], newest["verification"]) == (made["job_id"], made["sha256"], None)
        verified = done(platform, f"{PATH}/{made['backup_id']}/verify")
        assert (verified["tables"], verified["rows"]) == (made["tables"], made["rows"])
        assert made["rows"] > 300
        assert platform.get(PATH).json()["items"][0]["verification"]["passed"] is True
