"""Pages: nothing from elsewhere, nothing of a user's text as markup, every list led by an index."""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import Any

import httpx
import psycopg
import pytest
from jinja2 import nodes
from sqlalchemy import event

from wharf.common.ledger.database import dumps
from wharf.gateway.console.assets import ASSETS, BUILD, address_of
from wharf.gateway.console.jobs import board, detail
from wharf.gateway.console.navigation import ENTRIES
from wharf.gateway.console.pages import ENVIRONMENT

HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
"""htmx.org 2.0.11, dist/htmx.min.js, as its npm package has it."""
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;{{'ab'*3}}</td></table><script>alert(2)</script>"
FIRST = "SELECT set_config('wharf.tenant', %s, true)"


@pytest.fixture
def person(tenant):
    """The tenant's admin with a session."""
    with httpx.Client(base_url=tenant.gateway.url, timeout=20) as client:
        client.post("/login", data={"key": tenant.keys["admin"]})
        yield client


def test_what_is_vendored_is_what_it_says():
    """Pinned by its hash, with its licence beside it."""
    folder = resources.files("wharf.gateway.console") / "static"
    assert hashlib.sha256((folder / "htmx.min.js").read_bytes()).hexdigest() == HTMX
    assert "Zero-Clause BSD" in (folder / "htmx.LICENSE.txt").read_text("utf-8")


def test_assets_are_kept_by_browsers_and_found_by_their_build(person):
    """Compressed where that is wanted; one of another build is served, but not kept."""
    for name in ASSETS:
        answer = person.get(address_of(name))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.content == ASSETS[name].plain
    old = person.get(address_of("console.css").replace(BUILD, "0" * 12), headers={"Accept-Encoding": "identity"})
    assert old.headers["cache-control"] == "no-store"
    assert old.content == ASSETS["console.css"].plain
    assert person.get("/static/x/settings.py").status_code == 404


def test_templates_import_what_they_use():
    """No macro that a page does not call, no icon that none shows."""
    drawn = {entry.icon for entry in ENTRIES}
    for name in ENVIRONMENT.list_templates():
        source, _, _ = ENVIRONMENT.loader.get_source(ENVIRONMENT, name)
        tree = ENVIRONMENT.parse(source)
        used = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
        imported = {each for found in tree.find_all(nodes.FromImport) for each in found.names}
        assert imported <= used, name
        drawn |= set(re.findall(r'icon\("(\w+)"\)', source))
    icons = ENVIRONMENT.get_template("parts/icons.html").module
    assert drawn == set(icons.paths)


@pytest.mark.parametrize("path", ["/login", "/", "/jobs", "/jobs?state=failed&since=24h&q=x", "/jobs?state=nothing"])
def test_pages_let_nothing_in_from_elsewhere(person, elements, path):
    """A strict policy, and no page that would need another: no inline script or style, no other host."""
    answer = person.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    for tag, attributes in elements(answer.text):
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith(("on", "hx-on"))]
        assert tag != "script" or (attributes["src"] or "").startswith("/static/")
        for name in ("href", "src", "action"):
            assert (attributes.get(name) or "/").startswith(("/", "#")), attributes


def test_texts_of_users_never_become_markup(person, tenant, harmless):
    """File names, errors, messages, projects and searches are shown as they are, and do nothing."""
    job = tenant.job(label=HOSTILE)
    # What a file's header and cells say stands in the details of errors and in lines of logs.
    detail = {HOSTILE: [HOSTILE, 1], "found": {HOSTILE: HOSTILE}, "cell": HOSTILE}
    error = {"code": HOSTILE, "message": HOSTILE, "detail": detail, "retryable": False}
    failed = tenant.job(label="failed")
    running = tenant.job(label=HOSTILE)
    _write(tenant, failed.job_id, "status = 'failed', error = :value", error)
    _write(tenant, running.job_id, "status = 'running', progress = :value", {"message": HOSTILE, "stage": HOSTILE})
    _say(tenant, running.job_id, HOSTILE)
    _write(
        tenant,
        job.job_id,
        "status = 'completed', result = :value",
        {"profile": HOSTILE, "message": HOSTILE, "rejected": 1},
    )
    for path in ("/", "/jobs", f"/jobs/{job.job_id}", f"/jobs/{failed.job_id}", f"/jobs/{running.job_id}"):
        harmless(person.get(path).text)
    harmless(person.get("/jobs", params={"q": HOSTILE, "error": HOSTILE}).text)
    harmless(person.get("/jobs", params={"kind": HOSTILE * 9}).text)
    harmless(person.get("/login", params={"next": f"/{HOSTILE}"}).text)


def test_rejected_rows_are_shown_with_what_is_wrong(person, tenant, harmless, monkeypatch):
    """The first of them in the file's order, as text; none where they were removed, and none of a job that goes on."""
    monkeypatch.setattr(detail, "MOST_REJECTS", 2)
    job = tenant.job()
    of = {"tenant": tenant.id, "import": tenant.import_of(job)}
    why = dumps([{"column": HOSTILE, "code": "x", "message": HOSTILE, "value": HOSTILE}])
    for line in (4, 2, 3):
        tenant.execute(
            "INSERT INTO wharf.rejects (import_id, byte_offset, tenant_id, line, raw, errors)"
            " VALUES (:import, :line, :tenant, :line, :raw, CAST(:why AS jsonb))",
            line=line, raw=f"row {line} {HOSTILE * 9}", why=why, **of,
        )  # fmt: skip
    assert "Rejected rows" not in person.get(f"/jobs/{job.job_id}").text
    _write(tenant, job.job_id, "status = 'completed', finished_at = now(), result = :value", {"rejected": 3})
    page = person.get(f"/jobs/{job.job_id}").text
    harmless(page)
    assert "The first 2 of 3." in page
    assert page.index("row 2 ") < page.index("row 3 ")
    assert "row 4 " not in page
    tenant.execute("UPDATE wharf.imports SET rejects_removed_at = now() WHERE id = :id", id=of["import"])
    assert "Rejected rows" not in person.get(f"/jobs/{job.job_id}").text


def _say(tenant, job_id, text: str) -> None:
    """A line of the job's log, and a try with an error, with that text in every place."""
    tenant.execute(
        "INSERT INTO wharf.job_logs (tenant_id, job_id, attempt, level, event, fields)"
        " VALUES (:tenant, :id, 1, :text, :text, CAST(:fields AS jsonb))",
        tenant=tenant.id, id=job_id, text=text, fields=dumps({text: text}),
    )  # fmt: skip
    tenant.execute(
        "INSERT INTO wharf.attempts (tenant_id, job_id, attempt, worker, ended_at, outcome, error)"
        " VALUES (:tenant, :id, 1, :text, now(), :text, CAST(:error AS jsonb))",
        tenant=tenant.id, id=job_id, text=text, error=dumps({"code": text, "message": text}),
    )  # fmt: skip


def _write(tenant, job_id, sets: str, value: dict[str, Any]) -> None:
    tenant.execute(
        f"UPDATE wharf.jobs SET {sets.replace(':value', 'CAST(:value AS jsonb)')} WHERE id = :id",
        id=job_id,
        value=dumps(value),
    )


def test_errors_are_pages_too(person):
    """A wrong address or filter is told in a page, with its status."""
    answer = person.get("/jobs?queue=nothing")
    assert answer.status_code == 422
    assert "text/html" in answer.headers["content-type"]


def test_the_platform_sees_no_tenants_jobs(gateway, backend):
    """Its page is the overview of the installation; jobs are not even led to."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as platform:
        assert 'href="/jobs"' not in platform.get("/").text
        assert platform.get("/jobs").status_code == 403


def test_tabs_count_and_the_filter_stays_in_the_address(person, tenant):
    """Each tab says how many there are under this filter, and leads to them with the same filter."""
    for label in ("a.csv", "b.csv", "b2.csv"):
        tenant.job(label=label)
    page = person.get("/jobs", params={"q": "b", "since": "24h"}).text
    assert '/jobs?state=queued&amp;since=24h&amp;q=b"' in page
    assert "a.csv" not in page
    assert page.count("data-job=") == 2


def test_pages_of_a_list_go_on_where_the_last_ended(person, tenant, elements, monkeypatch):
    """By cursor, however many come in between."""
    monkeypatch.setattr(board, "PAGE", 2)
    jobs = [tenant.job(label=f"{nth}.csv") for nth in range(3)]
    page = person.get("/jobs")
    older = next(a["href"] for tag, a in elements(page.text) if tag == "a" and a.get("rel") == "next")
    tenant.job(label="new.csv")
    rest = person.get(older).text
    assert str(jobs[0].job_id) in rest
    assert "new.csv" not in rest


FILTERS = [
    "", "state=running", "state=queued", "state=retrying", "state=completed", "state=failed", "state=cancelled",
    "since=24h", "kind=import&state=failed", "queue=ingest", "project_id=default", "q=needle",
]  # fmt: skip


def test_every_query_of_the_list_is_led_by_an_index(make_tenant, tenant, backend, person):
    """None reads the whole table, whatever the tab and the filter, however few rows match."""
    with psycopg.connect(backend.owner_url) as connection:
        # Of a table that is one tenant's alone a plan rightly reads all.
        for owner, rows in ((tenant, 20_000), (make_tenant(), 60_000)):
            connection.execute(
                "INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, label, finished_at)"
                " SELECT gen_random_uuid(), %s, 'default', 'import', 'ingest', 1, 'completed', 'x.csv', now()"
                " FROM generate_series(1, %s)",
                [owner.id, rows],
            )
    with psycopg.connect(backend.owner_url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) wharf.jobs")
    asked: list[tuple[str, Any]] = []
    engine = tenant.gateway.resources.database.engine

    def note(_connection, _cursor, statement, parameters, _context, _many):
        if "wharf.jobs" in statement and statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        for path in FILTERS:
            assert person.get(f"/jobs?{path}").status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(asked) >= 2 * len(FILTERS)
    with tenant.database.tenant(tenant.id) as connection:
        for statement, parameters in asked:
            plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
            assert "Seq Scan on jobs" not in plan, f"{statement}\n{plan}"
