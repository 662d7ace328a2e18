"""What is around every request: problems, ids, headers, log lines, metrics, health."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import psycopg
import pytest
import structlog

from wharf.common import errors
from wharf.common.ledger.database import Database
from wharf.gateway.observing import PoolObserver
from wharf.gateway.problems import status_of
from wharf.gateway.sessions import COOKIE
from wharf.local.ports import HOST, Ports
from wharf.local.trial import eventually

SHAPE = {"type", "title", "status", "detail", "code"}


@pytest.fixture
def lines() -> Iterator[list[dict]]:
    """The structured lines of what happens meanwhile."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as captured:
        yield captured


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.Unauthorized("x"), 401),
        (errors.Forbidden("x"), 403),
        (errors.NotFound("x"), 404),
        (errors.Gone("x"), 410),
        (errors.Conflict("x"), 409),
        (errors.TooLarge("x"), 413),
        (errors.Invalid("x"), 422),
        (errors.Permanent("x"), 500),
        (errors.Transient("x"), 503),
        (errors.WharfError("x"), 500),
    ],
)
def test_every_error_of_ours_has_a_status(error, status):
    """One table, by class; a class that is not in it counts as its parent."""
    assert status_of(error) == status


def test_what_is_no_route_is_a_problem_too(api):
    """404 and 405 in the same shape as all others."""
    missing, wrong = api.get("/nowhere"), api.patch("/api/v1/jobs")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "GET")
    for answer in (missing, wrong):
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) == SHAPE


def test_a_body_that_is_no_json_is_named(api):
    """422 with a place, and nothing of what was sent."""
    answer = api.post("/api/v1/keys", content=b'{"name": secret', headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][0] == "body"
    assert "secret" not in answer.text


def test_a_json_body_is_bounded(api):
    """More than 1 MiB is 413, by its length and by its bytes."""
    large = b'{"name": "' + b"x" * 2**20 + b'"}'
    kind = {"Content-Type": "application/json"}
    for content in (large, (piece for piece in [large])):
        answer = api.post("/api/v1/keys", content=content, headers=kind)
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_what_nobody_foresaw_says_nothing_of_the_inside(api, tenant, lines):
    """500 with a sentence; the traceback is in the log, under the request's id."""
    with psycopg.connect(tenant.backend.owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE wharf.projects RENAME COLUMN slug TO slag")
        try:
            answer = api.get("/api/v1/projects", headers={"X-Request-ID": "broken-1"})
        finally:
            owner.execute("ALTER TABLE wharf.projects RENAME COLUMN slag TO slug")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert set(answer.json()) == SHAPE
    assert "slug" not in answer.text
    (failure,) = [line for line in lines if line["event"] == "http.failed"]
    assert (failure["request_id"], failure["route"]) == ("broken-1", "/api/v1/projects")
    assert failure["exc_info"]


def test_without_the_ledger_the_answer_is_503(backend, tenant, serve):
    """Not ready, and says what is missing; a request is told to come again, a person in a page; the process lives."""
    away = serve(WHARF_DATABASE_URL="postgresql://wharf_app:a@127.0.0.1:1/none")
    ready = httpx.get(f"{away.url}/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert "ledger" in ready.json()["detail"]
    answer = httpx.get(f"{away.url}/api/v1/jobs", headers={"X-API-Key": tenant.keys["viewer"]})
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    page = httpx.get(f"{away.url}/jobs", headers={"Cookie": f"{COOKIE}=ws_{'x' * 43}"})
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "The ledger does not answer right now." in page.text
    assert httpx.get(f"{away.url}/livez").status_code == 200


def test_without_the_schema_it_is_not_ready(gateway, backend, tenant):
    """An older schema is named, with what to do."""
    assert httpx.get(f"{gateway.url}/readyz").status_code == 200
    with psycopg.connect(backend.owner_url, autocommit=True) as owner:
        found = owner.execute("SELECT version_num FROM wharf.alembic_version").fetchone()
        assert found
        owner.execute("UPDATE wharf.alembic_version SET version_num = '0000'")
        try:
            answer = httpx.get(f"{gateway.url}/readyz")
        finally:
            owner.execute("UPDATE wharf.alembic_version SET version_num = %s", found)
    assert answer.status_code == 503
    assert "0000" in answer.json()["detail"]
    assert "wharf migrate" in answer.json()["detail"]


def test_without_a_broker_it_is_ready(serve):
    """Submits are taken all the same."""
    away = serve(WHARF_BROKER_URL="redis://127.0.0.1:1/0")
    assert httpx.get(f"{away.url}/readyz").status_code == 200


def test_answers_are_marked_for_browsers(api, gateway):
    """No sniffing, no frames, no cache, no server's name, no foreign origin."""
    headers = api.get("/api/v1/jobs", headers={"Origin": "https://example.org"}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("given", ["a b", "x" * 101, "<script>", ""])
def test_an_insane_request_id_is_replaced(api, given):
    """What comes from outside into log lines is bounded."""
    made = api.get("/api/v1/jobs", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert made != given
    assert len(made) == 36


def test_every_request_leaves_one_line_without_secrets(api, tenant, lines):
    """Method, route, status and time; neither the query's values nor the key."""
    api.get("/api/v1/jobs", params={"q": "confidential"}, headers={"X-Request-ID": "line-1"})
    mine = [line for line in lines if line.get("request_id") == "line-1"]
    (line,) = [line for line in mine if line["event"] == "http.request"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/jobs", 200)
    assert line["ms"] > 0
    assert line["tenant_id"] == str(tenant.id)
    assert "confidential" not in str(mine)
    assert tenant.keys["admin"] not in str(mine)


def test_requests_are_counted_by_template(api, gateway):
    """Never by path: ids have no bound."""
    unknown = "01a20351-b374-7b6d-8b60-d24a585c76cd"
    api.get(f"/api/v1/jobs/{unknown}")
    api.get(f"/nowhere/{unknown}")
    metrics = httpx.get(f"{gateway.url}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'wharf_http_requests_total{method="GET",route="/api/v1/jobs/{job_id}",status="404"}' in metrics.text
    assert 'wharf_http_requests_total{method="GET",route="unmatched",status="404"}' in metrics.text
    assert 'wharf_http_request_seconds_count{method="GET",route="/api/v1/jobs/{job_id}"}' in metrics.text
    assert unknown not in metrics.text


def test_the_api_describes_itself(gateway):
    """OpenAPI with the form of an upload and the two ways to send a key."""
    api = httpx.get(f"{gateway.url}/openapi.json").json()
    form = api["paths"]["/api/v1/uploads"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert {"file", "profile", "project_id", "mapping", "options", "dry_run"} <= set(form["properties"])
    assert {s["type"] for s in api["components"]["securitySchemes"].values()} == {"http", "apiKey"}


def test_the_page_of_the_api_loads_nothing_from_elsewhere(gateway):
    """Many installations reach no network of others, and a script from there could do what the reader may."""
    page = httpx.get(f"{gateway.url}/docs")
    assert "//" not in page.text.replace("<!doctype html>", "")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "http" not in policy
    for place in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        file = httpx.get(gateway.url + place)
        assert (file.status_code, "immutable" in file.headers["cache-control"]) == (200, True)
    assert httpx.get(f"{gateway.url}/docs/0/swagger-ui.css").headers["cache-control"] == "no-store"
    assert httpx.get(f"{gateway.url}/docs/0/favicon.png").status_code == 404


def environment(backend, folder, **more: str) -> dict[str, str]:
    ours = {
        "WHARF_DATABASE_URL": backend.app_url,
        "WHARF_REDIS_URL": backend.redis_url,
        "WHARF_BROKER_URL": backend.broker_url,
        "WHARF_STORAGE_URL": folder.as_uri(),
    }
    return {**{k: v for k, v in os.environ.items() if not k.startswith("WHARF_")}, **ours, **more}


def test_missing_settings_are_one_sentence(tmp_path):
    """Exit code 2, the variables by name, no traceback."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("WHARF_", "DATABASE_", "REDIS_", "CELERY_"))}
    done = subprocess.run(
        [sys.executable, "-m", "wharf.gateway"], env=bare, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "WHARF_DATABASE_URL" in done.stderr
    assert "WHARF_STORAGE_URL" in done.stderr


def test_a_port_that_is_taken_ends_the_process(backend, gateway, tmp_path):
    """It says so and goes, instead of hanging without an ear."""
    taken = gateway.url.rpartition(":")[2]
    settings = environment(backend, tmp_path / "objects", WHARF_PORT=taken)
    command = [sys.executable, "-m", "wharf.gateway"]
    done = subprocess.run(command, env=settings, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    assert "address already in use" in done.stdout


def test_the_process_serves_and_stops_with_streams_open(backend, tenant, tmp_path, eventually):
    """As `python -m wharf.gateway`: it answers, writes JSON lines, and SIGTERM ends it though somebody watches."""
    port = free_port()
    command = [sys.executable, "-m", "wharf.gateway"]
    settings = environment(backend, tmp_path / "objects", WHARF_PORT=str(port))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=settings, cwd=tmp_path, stdout=log)
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(f"{url}/readyz"), "the gateway's start")
        with httpx.stream(
            "GET", f"{url}/api/v1/events", headers={"X-API-Key": tenant.keys["viewer"]}, timeout=20
        ) as open_:
            assert open_.status_code == 200
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            list(open_.iter_lines())
        process.wait(20)
        assert time.monotonic() - begun < 8, "the stream was waited for"
    finally:
        process.kill()
        process.wait()
    assert process.returncode in {0, -signal.SIGTERM}
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert all({"timestamp", "level", "event", "service"} <= set(line) for line in lines)
    assert "http.request" in {line["event"] for line in lines}


def free_port() -> int:
    import socket  # noqa: PLC0415 - only here

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def test_metrics_may_have_a_port_of_their_own(serve, tmp_path):
    """What is open to the world tells nobody how much is going on; the heartbeat file is touched by the event loop."""
    alive, port = tmp_path / "alive", Ports(tmp_path / "ports").pick("metrics")
    apart = serve(metrics_port=port, heartbeat_file=alive)
    assert httpx.get(f"{apart.url}/metrics").status_code == 404
    assert "wharf_http_requests_total" in httpx.get(f"http://{HOST}:{port}/metrics").text
    assert httpx.get(f"http://{HOST}:{port}/livez").status_code == 200
    eventually(alive.exists, "the heartbeat")


def test_a_newer_schema_is_ready(gateway, backend):
    """While a new version is rolled out the old gateways go on: a migration only adds."""
    with psycopg.connect(backend.owner_url, autocommit=True) as owner:
        found = owner.execute("SELECT version_num FROM wharf.alembic_version").fetchone()
        owner.execute("UPDATE wharf.alembic_version SET version_num = '9999'")
        try:
            answer = httpx.get(f"{gateway.url}/readyz")
        finally:
            owner.execute("UPDATE wharf.alembic_version SET version_num = %s", found)
    assert answer.status_code == 200


def test_connections_that_are_lent_out_are_told(backend):
    """Beside how many there may be: where all are lent, requests wait."""
    with closing(Database.connect(backend.app_url, pool=2, application="test")) as database:

        def told() -> dict[str, float]:
            return {one.name: one.value for family in PoolObserver(database).collect() for one in family.samples}

        with database.anyone():
            assert told() == {"wharf_database_pool_used": 1, "wharf_database_pool_size": 2}
        assert told()["wharf_database_pool_used"] == 0
