"""The health of the running stack: canaries that come through its queues, and what stays of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from wharf.common.queues import Queue
from wharf.local.trial import Trial, eventually

NOBODY = "00000000-0000-0000-0000-000000000000"
SCHEDULE = "SELECT id::text FROM wharf.schedules WHERE builtin AND name = 'health'"
JOB = "SELECT result FROM wharf.jobs WHERE id::text = %s AND status = 'completed'"
RUNNING = "SELECT 1 FROM wharf.jobs WHERE kind = 'health' AND finished_at IS NULL"
SENT = "SELECT id, job_id FROM wharf.canaries WHERE sent_at <= now()"
BUSY = """
    SELECT 1 FROM wharf.canaries c JOIN wharf.jobs j ON j.id = c.job_id
    WHERE c.outcome IS NULL AND j.finished_at IS NULL AND j.label = 'canary'"""
NEWER = """
    INSERT INTO wharf.canaries (id, tenant_id, queue, job_id, sent_at, ended_at, outcome)
    SELECT gen_random_uuid(), tenant_id, queue, gen_random_uuid(), now() + interval '1 minute', now(), 'ok'
    FROM (SELECT DISTINCT tenant_id, queue FROM wharf.canaries) q, generate_series(1, 3) RETURNING 1"""
STUCK = """
    WITH job AS (
        INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, available_at)
        VALUES (gen_random_uuid(), %s, 'canary', 'echo', 'maintenance', 1, 'queued', now() + interval '1 day')
        RETURNING id)
    INSERT INTO wharf.canaries (id, tenant_id, queue, job_id, sent_at)
    SELECT gen_random_uuid(), %s, 'maintenance', id, now() - interval '6 minutes' FROM job RETURNING job_id"""


@pytest.fixture
def platform(wharf: Trial) -> dict[str, str]:
    """The headers of the installation's owner, who has switched the schedule off: the tests are the minute."""
    headers = {"Authorization": f"Bearer {wharf.connection.platform_key}"}
    path = f"/api/v1/schedules/{eventually(lambda: wharf.ask(SCHEDULE), 'the built-in schedule')[0]['id']}"
    wharf.api.patch(path, json={"enabled": False}, headers=headers).raise_for_status()
    eventually(lambda: not wharf.ask(RUNNING), "the job of the last minute")
    return headers


def a_round(wharf: Trial, platform: dict[str, str]) -> dict[str, Any]:
    """Run the schedule's job now, rather than wait for the minute; its result, once what it sent has ended."""
    schedule = wharf.one(SCHEDULE)
    job = wharf.api.post(f"/api/v1/schedules/{schedule}/run", headers=platform).raise_for_status().json()
    result: dict[str, Any] = eventually(lambda: wharf.ask(JOB, job["job_id"]), "the job")[0]["result"]
    eventually(lambda: not wharf.ask(BUSY), "what was sent")
    return result


def files(wharf: Trial, *numbers: object) -> list[Path]:
    """Those of the storage, and their folders, that belong to one of these."""
    return [path for path in wharf.stack.folder.objects.rglob("*") if any(str(one) in str(path) for one in numbers)]


def test_canaries_come_through_every_queue_and_little_stays_of_them(wharf: Trial, platform: dict[str, str]) -> None:
    """Imported, packaged and echoed as the installation's own; the report and the metrics say how long it took."""
    a_round(wharf, platform)
    a_round(wharf, platform)
    report = wharf.api.get("/api/v1/health", headers=platform).raise_for_status().json()
    assert report["parts"]["canaries"]["status"] == "ok", report
    queues = report["parts"]["canaries"]["queues"]
    assert set(queues) == {queue.value for queue in Queue}
    assert all(row["seconds"] > 0 and row["outcome"] == "ok" for row in queues.values())
    told = httpx.get(wharf.connection.metrics["maintenance-worker"]).text
    for queue in Queue:
        assert f'wharf_canary_seconds_count{{queue="{queue}"}}' in told
        assert f'wharf_canary_last_success_timestamp_seconds{{queue="{queue}"}}' in told
    assert wharf.one("SELECT count(*) FROM t_installation.canary") > 0
    assert wharf.ask("SELECT DISTINCT tenant_id::text FROM wharf.jobs WHERE label = 'canary'") == [
        {"tenant_id": NOBODY}
    ]
    assert wharf.ask("SELECT 1 FROM wharf.imports WHERE profile = 'canary' AND tenant_id::text <> %s", NOBODY) == []


def test_of_old_canaries_nothing_is_left(wharf: Trial, platform: dict[str, str]) -> None:
    """Neither rows in any table nor files: a day has thousands of them."""
    a_round(wharf, platform)
    wharf.ask(NEWER)
    # Those that are under way are accounted for by the next round, and are old at once.
    old = {row["id"]: row["job_id"] for row in wharf.ask(SENT)}
    assert files(wharf, *old, *old.values())
    assert a_round(wharf, platform)["forgotten"] == len(old)
    assert files(wharf, *old, *old.values()) == []
    for table, column in (("jobs", "id"), ("job_logs", "job_id"), ("attempts", "job_id"), ("data_updates", "job_id")):
        query = f"SELECT 1 FROM wharf.{table} WHERE {column} = ANY (%s)"
        assert wharf.ask(query, list(old.values())) == [], table
    for table in ("uploads", "imports", "canaries"):
        assert wharf.ask(f"SELECT 1 FROM wharf.{table} WHERE id = ANY (%s)", list(old)) == [], table
    assert wharf.ask("SELECT 1 FROM t_installation.canary WHERE _import_id = ANY (%s)", list(old)) == []
    wharf.ask("DELETE FROM wharf.canaries WHERE sent_at > now() RETURNING 1")


def test_one_that_does_not_come_through_is_told_of_and_given_up(wharf: Trial, platform: dict[str, str]) -> None:
    """Once; the round waits for nothing, and nothing more is sent into a queue that rests."""
    job = wharf.one(STUCK, NOBODY, NOBODY)
    wharf.api.post("/api/v1/queues/package/pause", headers=platform).raise_for_status()
    try:
        before = wharf.one("SELECT count(*) FROM wharf.canaries WHERE queue = 'package' AND outcome IS NULL")
        result = a_round(wharf, platform)
        assert wharf.one("SELECT count(*) FROM wharf.canaries WHERE queue = 'package' AND outcome IS NULL") <= before
    finally:
        wharf.api.post("/api/v1/queues/package/resume", headers=platform).raise_for_status()
    assert result["late"] == 1
    told = wharf.ask("SELECT outcome, code FROM wharf.canaries WHERE job_id = %s", job)
    assert told == [{"outcome": "late", "code": "queued"}]
    assert wharf.one("SELECT status FROM wharf.jobs WHERE id = %s", job) == "cancelled"
    metrics = httpx.get(wharf.connection.metrics["maintenance-worker"]).text
    assert re.search(r'^wharf_canary_failures_total{outcome="late",queue="maintenance"} [1-9]', metrics, re.MULTILINE)
