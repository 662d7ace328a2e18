"""Pages of queues, workers, dead letters and schedules: who sees what, texts that stay texts, indexes used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import event

from wharf.common.ledger.database import dumps
from wharf.gateway.sessions import COOKIE, proof_of

PAGES = ("/queues", "/dead-letters", "/schedules")
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;</td></table><script>alert(2)</script>"
CALLS = ("data-call", "data-dialog", "data-bulk")
ECHO = {"name": "nightly", "cron": "0 2 * * *", "time_zone": "Europe/Berlin", "kind": "echo"}


@contextmanager
def session(tenant, role: str) -> Iterator[httpx.Client]:
    """Somebody with a session of that role, whose requests carry the proof."""
    with httpx.Client(base_url=tenant.gateway.url, timeout=20, headers={"Origin": tenant.gateway.url}) as client:
        client.post("/login", data={"key": tenant.keys[role]})
        client.headers["X-CSRF-Token"] = proof_of(client.cookies[COOKIE])
        yield client


@pytest.fixture
def at_work(tenant, api) -> str:
    """A tenant whose every page has something to show, with texts of users as hostile as can be; its schedule's id."""
    error = dumps({"code": HOSTILE[:40], "message": HOSTILE, "detail": {HOSTILE: HOSTILE}, "retryable": True})
    tenant.move(tenant.job(label=HOSTILE), status="failed", error=error)
    api.post("/api/v1/queues/ingest/pause", json={"reason": HOSTILE}).raise_for_status()
    made = api.post("/api/v1/schedules", json=ECHO | {"name": HOSTILE, "payload": {"message": HOSTILE}}).json()
    api.post(f"/api/v1/schedules/{made['id']}/run").raise_for_status()
    return str(made["id"])


def test_a_viewer_sees_all_and_is_offered_nothing(tenant, at_work):
    """No button that calls the API; the pages for those who steer, and of the workers, are refused."""
    with session(tenant, "viewer") as viewer:
        for path in (*PAGES, f"/schedules/{at_work}"):
            page = viewer.get(path)
            assert page.status_code == 200, path
            assert not [word for word in CALLS if word in page.text], path
        for path in ("/workers", "/schedules/new", f"/schedules/{at_work}/edit"):
            assert viewer.get(path).status_code == 403, path
        assert viewer.patch(f"/api/v1/schedules/{at_work}", json={"enabled": False}).status_code == 403
        assert viewer.post("/api/v1/queues/ingest/resume").status_code == 403


def test_an_operator_steers_schedules_and_no_queues(tenant, at_work):
    """What a page offers is what the API allows to that role."""
    with session(tenant, "operator") as operator:
        assert "data-dialog" not in operator.get("/queues").text
        assert operator.post("/api/v1/queues/package/pause").status_code == 403
        assert f"PATCH /api/v1/schedules/{at_work}" in operator.get("/schedules").text
        assert operator.get("/workers").status_code == 200
        assert "Retry it" in operator.get("/dead-letters").text
    with session(tenant, "admin") as admin:
        page = admin.get("/queues").text
        assert 'data-dialog="pause-package"' in page
        assert "POST /api/v1/queues/ingest/resume" in page


def test_the_platform_sees_the_installation_and_no_tenants_work(gateway, backend, tenant, at_work):
    """Queues with who has how much, workers, its own schedules: of a tenant's only the name."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as platform:
        queues = platform.get("/queues").text
        assert tenant.name in queues
        for path in ("/queues", "/workers", "/schedules"):
            page = platform.get(path)
            assert page.status_code == 200
            assert "alert(" not in page.text
            assert "data-live=" not in page.text
        assert platform.get("/dead-letters").status_code == 403
        assert platform.get(f"/schedules/{at_work}").status_code == 404
        assert platform.get("/schedules/new").status_code == 403


def test_texts_of_users_stay_texts(tenant, at_work, harmless):
    """Names, reasons, errors, payloads: shown as they are, as markup never; what is told wrong of a time neither."""
    with session(tenant, "admin") as admin:
        own = f"/schedules/{at_work}"
        for path in (*PAGES, own, f"{own}/edit", f"/schedules/preview?cron={'%3Cimg%20src%3Dx%3E ' * 5}"):
            page = admin.get(path)
            assert page.status_code == 200, path
            harmless(page.text)
        assert "alert(2)" in admin.get("/queues").text


def test_a_paused_queue_says_why_and_by_whom(tenant, at_work):
    """To a viewer too; what the platform has paused nobody else is offered to resume."""
    with session(tenant, "viewer") as viewer:
        page = viewer.get("/queues").text
    assert "paused" in page
    assert "alert(2)" in page
    assert "by the platform" not in page


def test_a_schedule_is_told_in_words_and_in_its_zone(tenant, at_work):
    """When, the next five times on the zone's clock, and the job of the last run."""
    with session(tenant, "viewer") as viewer:
        page = viewer.get(f"/schedules/{at_work}").text
    assert "every day at 02:00, Europe/Berlin" in page
    assert page.count("02:00 CE") == 5
    (run,) = tenant.execute("SELECT job_id FROM wharf.schedule_runs")
    assert f"/jobs/{run['job_id']}" in page


def test_a_time_is_told_in_words_while_it_is_written(tenant):
    """Five moments, or a sentence about what is wrong: with the place, the near zones, the range."""
    with session(tenant, "viewer") as viewer:

        def told(**said: str) -> str:
            answer = viewer.get("/schedules/preview", params=said)
            assert answer.status_code == 200
            return answer.text

        assert told(cron="30 6 * * MON", time_zone="Europe/Berlin").count("06:30 CE") == 5
        assert "Every 15 minutes" in told(interval_seconds="900")
        assert "cannot be read" in told(cron="0 99 * * *")
        assert "There is no time zone" in told(cron="0 9 * * *", time_zone="Europe/Berlni")
        assert "whole number of seconds" in told(interval_seconds="1.5")
        assert "Say when" in told()


def test_pages_without_anything_say_what_to_do(tenant):
    """Empty lists are no errors: each says why it is empty, or how that changes."""
    with session(tenant, "admin") as admin:
        assert "Every job that failed has been seen to" in admin.get("/dead-letters").text
        assert "Nothing failed under this filter" in admin.get("/dead-letters?kind=import").text
        assert "Nothing begins by itself yet" in admin.get("/schedules").text
        assert "Nothing waits and nothing runs" in admin.get("/queues").text
        assert "text/html" in admin.get("/schedules/00000000-0000-0000-0000-000000000001").headers["content-type"]


def test_every_query_of_these_pages_is_led_by_an_index(tenant, backend, at_work):
    """However many jobs there are: none reads all of them, those inside of the ledger's functions neither."""
    with psycopg.connect(backend.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, label, finished_at)"
            " SELECT gen_random_uuid(), %s, 'default', 'import', 'ingest', 1, 'completed', 'x.csv',"
            " now() - interval '1 day' FROM generate_series(1, 20000)",
            [tenant.id],
        )
        connection.execute("VACUUM (ANALYZE) wharf.jobs")
    asked = queries_of(tenant, (*PAGES, "/workers", f"/schedules/{at_work}", "/dead-letters?queue=ingest&kind=import"))
    assert len(asked) > 4
    with tenant.database.tenant(tenant.id) as connection:
        for statement, parameters in asked:
            plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
            assert "Seq Scan on jobs" not in plan, f"{statement}\n{plan}"
    with psycopg.connect(backend.owner_url, autocommit=True) as connection:
        assert scans_of_all_jobs(connection, "ended_lately(NULL, interval '10 minutes')") == 0
        assert scans_of_all_jobs(connection, "tenant_loads(NULL)") == 0


def queries_of(tenant, paths: tuple[str, ...]) -> list[tuple[str, Any]]:
    """What these pages ask of the table of jobs."""
    asked: list[tuple[str, Any]] = []
    engine = tenant.gateway.resources.database.engine

    def note(_connection, _cursor, statement, parameters, _context, _many):
        if "wharf.jobs" in statement and statement.lstrip().startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        with session(tenant, "admin") as admin:
            for path in paths:
                assert admin.get(path).status_code == 200, path
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return asked


def scans_of_all_jobs(connection: psycopg.Connection, call: str) -> int:
    """How often the whole table was read for one call of a function, as the server counts it for this transaction."""
    with connection.transaction():
        connection.execute(f"SELECT count(*) FROM wharf.{call}".encode())
        (scans,) = connection.execute("SELECT pg_stat_get_xact_numscans('wharf.jobs'::regclass)").fetchone() or (None,)
    return int(scans or 0)
