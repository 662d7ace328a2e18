"""Every list of the console that may grow long is led by an index, and sorted by it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import event, text

from wharf.common.clock import new_id
from wharf.gateway.console.overview.routes import SPEED

ROWS = 20_000
LONG = ("webhook_deliveries", "api_keys", "audit", "data_updates", "jobs")
FILL = (
    """INSERT INTO wharf.webhook_deliveries (id, webhook_id, tenant_id, type, body, status, ended_at)
    SELECT wharf.new_id(), %(hook)s, %(tenant)s, 'job.failed', '{}', 'delivered', now()
    FROM generate_series(1, %(rows)s)""",
    """INSERT INTO wharf.api_keys (id, tenant_id, prefix, digest, name, role)
    SELECT wharf.new_id(), %(tenant)s, gen_random_uuid()::text, '', 'k', 'viewer' FROM generate_series(1, %(rows)s)""",
    """INSERT INTO wharf.audit (tenant_id, who, who_name, role, what, target)
    SELECT %(tenant)s, %(key)s, 'k', 'admin', 'job.retry', n::text FROM generate_series(1, %(rows)s) n""",
    """INSERT INTO wharf.data_updates (id, tenant_id, project_id, profile, import_id, job_id, mode, at, rows_before,
    inserted, updated, unchanged, superseded, rejected, rows_after)
    SELECT wharf.new_id(), %(tenant)s, 'p' || n %% 50, 'transactions', wharf.new_id(), wharf.new_id(), 'upsert',
    now() - n * interval '1 minute', 0, 1, 0, 0, 0, 0, 1 FROM generate_series(1, %(rows)s) n""",
    """INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, label, payload, admitted,
    attempt, max_attempts, finished_at)
    SELECT wharf.new_id(), %(tenant)s, 'p', 'echo', 'maintenance', 1, 'completed', 'x', '{}', true, 1, 1, now()
    FROM generate_series(1, %(rows)s) n""",
)

RUNNING = """INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, label, payload, admitted,
    attempt, max_attempts, progress)
    VALUES (wharf.new_id(), %(tenant)s, 'p', 'import', 'ingest', 1, 'running', 'x', '{}', true, 1, 1,
    '{"rate": 1250.5, "unit": "rows"}')"""


@pytest.fixture
def hook_id(tenant, api, backend) -> str:
    """A webhook of a tenant with much of everything."""
    hook = {"name": "h", "url": "https://example.org", "events": ["job.failed"]}
    made: str = api.post("/api/v1/webhooks", json=hook).json()["id"]
    values = {"hook": made, "tenant": tenant.id, "key": tenant.caller().key_id, "rows": ROWS}
    with psycopg.connect(backend.owner_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # accounts of imports that nobody made
        for statement in FILL:
            connection.execute(statement, values)
        for table in LONG:
            connection.execute(f"ANALYZE wharf.{table}".encode())
    return made


def asked(engine: Any, api: httpx.Client, paths: list[str]) -> list[tuple[str, Any]]:
    """What the pages ask of the long tables."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: Any) -> None:
        if statement.startswith("SELECT") and any(f"FROM wharf.{table}" in statement for table in LONG):
            found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        for path in paths:
            assert api.get(path).status_code == 200, path
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return found


def test_no_list_reads_or_sorts_a_whole_table(tenant, api, hook_id):
    """Deliveries by state, keys, changes by who, what, to what and when."""
    paths = [
        "/webhooks", f"/webhooks/{hook_id}", f"/webhooks/{hook_id}?status=delivered", "/keys", "/audit",
        f"/audit?who={new_id()}", "/audit?target=none", "/audit?what=key", "/audit?since=1h",
        "/data/transactions/history", "/data/transactions/history?project_id=p7",
        "/api/v1/jobs", "/api/v1/jobs?project_id=quiet", "/api/v1/jobs?kind=undo", "/jobs?project_id=quiet&kind=undo",
    ]  # fmt: skip
    found = asked(tenant.gateway.resources.database.engine, api, paths)
    assert len(found) >= len(paths)
    with tenant.database.tenant(tenant.id) as connection:
        # Of a few hundred rows sorting may cost less than walking the index that has them in order.
        connection.exec_driver_sql("SET LOCAL enable_sort = off")
        for statement, parameters in found:
            query = f"EXPLAIN (ANALYZE, TIMING OFF) {statement}"
            plan = "\n".join(row[0] for row in connection.exec_driver_sql(query, parameters))
            # Rows of one moment are put in order as they come: that is no sort of all.
            wrong = rf"Seq Scan on ({'|'.join(LONG)})|(?<!Incremental )Sort  \("
            assert not re.search(wrong, plan), f"{statement}\n{plan}"
            # An index that leads to all rows, most of which are not wanted, leads nowhere.
            assert all(int(left) < ROWS / 10 for left in re.findall(r"Removed by Filter: (\d+)", plan)), (
                f"{statement}\n{plan}"
            )


@pytest.mark.usefixtures("hook_id")
def test_the_speed_is_asked_of_what_runs(tenant, backend):
    """Not of all jobs ever made, each time somebody looks at the overview."""
    with psycopg.connect(backend.owner_url) as owner:
        owner.execute(RUNNING, {"tenant": tenant.id})
    with tenant.database.tenant(tenant.id) as connection:
        plan = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {SPEED.text}"), {"project_id": None}))
        speeds = [connection.scalar(SPEED, {"project_id": project}) for project in (None, "p", "quiet")]
    assert "Seq Scan" not in plan, plan
    assert speeds == [1250.5, 1250.5, 0]


@pytest.mark.parametrize(
    ("function", "values", "table"),
    [
        ("newest_keys", {"before": "NULL::uuid", "most": "51"}, "api_keys"),
        ("newest_keys", {"before": "wharf.new_id()", "most": "51"}, "api_keys"),
        ("tenants_after", {"past": "'t-5'", "most": "51"}, "tenants"),
    ],
)
def test_the_platforms_lists_are_led_by_an_index(backend, function, values, table):
    """Their functions' own queries: EXPLAIN does not look inside."""
    with psycopg.connect(backend.owner_url) as connection:
        # A table of a few pages is read whole whatever there is.
        connection.execute("SET LOCAL enable_seqscan = off")
        row = connection.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [function]).fetchone()
        assert row is not None
        query = re.sub(r"\b(before|past|most)\b", lambda name: values[name[0]], row[0])
        plan = "\n".join(str(line[0]) for line in connection.execute(f"EXPLAIN {query}".encode()))
    assert f"on {table} " in plan
    assert "Sort Key" not in plan
