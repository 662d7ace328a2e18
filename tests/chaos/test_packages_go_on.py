from __future__ import annotations

from pathlib import Path

from tests.chaos.stack import Chaos
from wharf.common.runtime.points import Point
from wharf.local.trial import eventually


def workbooks(chaos: Chaos, job_id: str) -> list[tuple[int, int]]:
    """Which files they are on the disk, and of which moment."""
    found = [path for path in chaos.objects.rglob("*.xlsx") if job_id in str(path)]
    return [(path.stat().st_ino, path.stat().st_mtime_ns) for path in found]


def test_a_file_that_is_finished_is_not_made_again(chaos: Chaos, tmp_path: Path) -> None:
    """The worker is killed between the workbook and the PDF: the next attempt makes the PDF only."""
    trial = chaos.trial
    (tmp_path / "assets.csv").write_text("tag,type\nA1,PUMP\n", "utf-8")
    trial.load(tmp_path / "assets.csv", profile="assets")
    token = chaos.switchboard.arm(Point.AFTER_COMMIT)
    wish = {"package_type": "asset_register", "options": {"formats": ["xlsx", "pdf"], "force": True}}
    job_id = trial.api.post("/api/v1/packages", json=wish).raise_for_status().json()["job_id"]
    eventually(lambda: chaos.switchboard.fired(token), "the kill")
    before = workbooks(chaos, job_id)
    job = trial.ended(job_id)
    assert (job["status"], job["attempt"]) == ("completed", 2), job["error"]
    assert len(before) == 1
    assert workbooks(chaos, job_id) == before
    assert {file["name"].rpartition(".")[2] for file in job["result"]["files"]} == {"xlsx", "pdf"}
    assert trial.api.get(f"/api/v1/packages/{job_id}/bundle.zip").is_success
