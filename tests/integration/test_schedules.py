"""Schedules in the running stack: written by API, begun by beat, done by workers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from wharf.local.trial import Trial, eventually

PATH = "/api/v1/schedules"
ECHO: dict[str, Any] = {"name": "often", "kind": "echo", "interval_seconds": 1, "payload": {"message": "tick"}}
CLEANUP = "SELECT id::text FROM wharf.schedules WHERE builtin AND name = 'cleanup'"
OLD_RUN = """
    INSERT INTO wharf.schedule_runs (schedule_id, scheduled_for, tenant_id, outcome)
    SELECT id, now() - make_interval(days => %s), tenant_id, 'missed' FROM wharf.schedules WHERE id::text = %s
    RETURNING 1"""


def runs(trial: Trial, schedule: str, **headers: str) -> list[dict[str, Any]]:
    answer = trial.api.get(f"{PATH}/{schedule}/runs", params={"limit": 1000}, headers=headers)
    return list(answer.raise_for_status().json()["items"])


@pytest.fixture
def platform(wharf: Trial) -> dict[str, str]:
    """The headers of the installation's owner."""
    return {"Authorization": f"Bearer {wharf.connection.platform_key}"}


def test_a_schedule_begins_its_jobs_by_itself_until_it_is_switched_off(tenant: Trial) -> None:
    """Nothing is started again: it begins when it is written, and rests when that is said."""
    made = tenant.api.post(PATH, json=ECHO).raise_for_status().json()
    own = f"{PATH}/{made['id']}"
    eventually(lambda: len([r for r in runs(tenant, made["id"]) if r["status"] == "completed"]) > 1, "two of its jobs")
    job = tenant.job(next(run["job_id"] for run in runs(tenant, made["id"]) if run["status"] == "completed"))
    assert (job["result"], job["label"], job["queue"]) == ({"message": "tick"}, "often", "maintenance")
    off = tenant.api.patch(own, json={"enabled": False}).raise_for_status().json()
    # What was due when it was switched off is there by now: its row was locked by whoever took it.
    before = runs(tenant, made["id"])
    assert datetime.fromisoformat(before[0]["scheduled_for"]) <= datetime.fromisoformat(off["updated_at"])
    other = tenant.api.post(PATH, json=ECHO | {"name": "other"}).raise_for_status().json()
    eventually(lambda: len(runs(tenant, other["id"])) > 1, "beat to have gone on")
    assert [run["scheduled_for"] for run in runs(tenant, made["id"])] == [run["scheduled_for"] for run in before]


def test_a_new_time_holds_within_moments(tenant: Trial) -> None:
    """From once a year to now, and nobody restarts anything."""
    made = tenant.api.post(PATH, json=ECHO | {"interval_seconds": 366 * 86_400}).raise_for_status().json()
    assert runs(tenant, made["id"]) == []
    asked = datetime.now(UTC)
    tenant.api.patch(f"{PATH}/{made['id']}", json={"interval_seconds": 1}).raise_for_status()
    [first, *_] = reversed(eventually(lambda: runs(tenant, made["id"]), "its first run"))
    assert datetime.fromisoformat(first["scheduled_for"]) - asked < timedelta(seconds=30)


def test_a_scheduled_package_is_made_like_one_that_is_ordered(tenant: Trial, tmp_path: Path, project: str) -> None:
    """Run now: its files are those of the same order by hand."""
    path = tmp_path / "assets.csv"
    path.write_text("tag,type\nP-1,PUMP\n", encoding="utf-8")
    tenant.load(path, project_id=project, profile="assets")
    wish = {"package_type": "asset_register", "project_id": project, "options": {"formats": ["xlsx"]}}
    yearly = {"name": "yearly", "cron": "0 0 1 1 *", "kind": "package", "payload": wish}
    made = tenant.api.post(PATH, json=yearly).raise_for_status().json()
    by_schedule = tenant.ended(tenant.api.post(f"{PATH}/{made['id']}/run").raise_for_status().json()["job_id"])
    by_hand = tenant.ended(tenant.api.post("/api/v1/packages", json=wish).raise_for_status().json()["job_id"])
    assert by_schedule["status"] == by_hand["status"] == "completed", by_schedule["error"]
    assert by_schedule["result"]["files"] == by_hand["result"]["files"]
    assert [run["status"] for run in runs(tenant, made["id"])] == ["completed"]


def test_the_built_in_cleanup_forgets_what_is_old(wharf: Trial, platform: dict[str, str]) -> None:
    """It is there since beat leads, the platform may start it, and it says what went."""
    schedule = str(eventually(lambda: wharf.ask(CLEANUP), "the built-in schedule")[0]["id"])
    shown = wharf.api.get(f"{PATH}/{schedule}", headers=platform).raise_for_status().json()
    assert (shown["words"], shown["time_zone"], len(shown["next_runs"])) == ("every day at 03:30", "UTC", 5)
    wharf.ask(OLD_RUN, 91, schedule)
    wharf.ask(OLD_RUN, 89, schedule)
    job = wharf.api.post(f"{PATH}/{schedule}/run", headers=platform).raise_for_status().json()
    done = "SELECT result FROM wharf.jobs WHERE id::text = %s AND status = 'completed'"
    result = eventually(lambda: wharf.ask(done, job["job_id"]), "the clean-up")[0]["result"]
    assert result["removed"]["schedule_runs"] == 1
    left = [run["outcome"] for run in runs(wharf, schedule, **platform) if not run["manual"]]
    assert left.count("missed") == 1


def test_beat_tells_of_its_built_in_schedules(wharf: Trial, platform: dict[str, str]) -> None:
    """On its metrics: when one last succeeded."""
    schedule = str(eventually(lambda: wharf.ask(CLEANUP), "the built-in schedule")[0]["id"])
    wharf.api.post(f"{PATH}/{schedule}/run", headers=platform).raise_for_status()
    wanted = 'wharf_schedule_last_success_timestamp_seconds{schedule="cleanup"}'
    assert eventually(lambda: wanted in httpx.get(wharf.connection.metrics["scheduler"]).text, "the gauge")
