"""The job `benchmark`, each week: what projects sell beside each other, and what tenants do that agreed to be compared.

Everything is counted by the database, a tenant at a time and in that tenant's own transaction. Only what a tenant has
as a whole, and only of one that shares, is seen by the one function that compares tenants.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection, delete, select, text

from wharf.common.jobs.kinds import BenchmarkPayload
from wharf.common.ledger.database import driver_of
from wharf.common.ledger.models import Benchmark, BenchmarkRun, BenchmarkShare, BenchmarkValue, Dataset
from wharf.common.ledger.patience import AWAY, is_away
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.transients import sqlstate

Context = JobContext[BenchmarkPayload]
PROFILE = "transactions"
LONGEST_BYTES = 1_000
"""Of a name: what is longer is left out, since an index takes no more than about 2,700 for all of its columns."""
COLUMNS = {
    "date": "timestamp",
    "category": "text",
    "product_id": "text",
    "product_name": "text",
    "quantity": "integer",
    "total": "decimal",
}
"""What the comparison reads. A tenant whose own profile of that name has it otherwise is not compared."""

TENANTS = text("""
    SELECT id, name FROM wharf.list_tenants() WHERE CAST(:after AS text) IS NULL OR name > :after ORDER BY name""")
# One tenant's calculations are one after the other, whoever makes them.
ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('benchmarks.' || CAST(:tenant AS text), 0))")
SPAN = """
    SELECT date_trunc('day', max(date)) + interval '1 day' FROM {dataset} WHERE date < now() + interval '1 day'"""

# The sums of each project and of the tenant as a whole (project_id is null), then what is told of them.
FILL = """
    WITH lines AS (
        SELECT project_id, category, coalesce(product_id, product_name) AS product, product_name, quantity, total,
               date >= %(begin)s AS current
        FROM {dataset} WHERE date >= %(before)s AND date < %(until)s
    ), sums AS (
        SELECT project_id, level, name,
               max(peer) FILTER (WHERE octet_length(peer) <= %(longest)s) AS peer,
               sum(total) FILTER (WHERE current) AS amount,
               sum(quantity) FILTER (WHERE current) AS quantity, sum(total) FILTER (WHERE NOT current) AS earlier
        FROM lines CROSS JOIN LATERAL (
            VALUES ('category', category, category), ('product', product, product_name)) AS of (level, name, peer)
        WHERE octet_length(name) <= %(longest)s
        GROUP BY GROUPING SETS ((project_id, level, name), (level, name))
    ), top AS (
        SELECT level, name FROM (
            SELECT level, name, row_number() OVER (PARTITION BY level ORDER BY abs(amount) DESC, name) AS nth
            FROM sums WHERE project_id IS NULL AND amount IS NOT NULL) ranked
        WHERE nth <= %(most)s
    ), told AS (
        SELECT project_id, level, name, lower(btrim(peer)) AS peer, abs(amount) AS weight, metric,
               CAST(of.value AS double precision) AS value
        FROM sums JOIN top USING (level, name) CROSS JOIN LATERAL (VALUES
            ('amount', amount), ('quantity', CAST(quantity AS numeric)), ('unit_price', amount / nullif(quantity, 0)),
            ('growth', CASE WHEN earlier > 0 THEN amount / earlier - 1 END)) AS of (metric, value)
        WHERE of.value IS NOT NULL
    ), kept AS (
        INSERT INTO wharf.benchmark_values (profile, project_id, level, name, metric, value)
        SELECT %(profile)s, project_id, level, name, metric, value FROM told WHERE project_id IS NOT NULL
    ), given AS (
        INSERT INTO wharf.benchmark_shares (profile, level, name, metric, peer, value, weight)
        SELECT %(profile)s, level, name, metric, peer, value, weight FROM told
        WHERE project_id IS NULL AND peer <> '' AND %(until)s > now() - interval '1 year'
          AND (SELECT t.shares_benchmarks FROM wharf.tenants t)
    ), compared AS (
        INSERT INTO wharf.benchmarks (profile, level, name, metric, projects, q1, median, q3)
        SELECT %(profile)s, level, name, metric, projects, q[1], q[2], q[3] FROM (
            SELECT level, name, metric, count(*) AS projects,
                   percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY value) AS q
            FROM told WHERE project_id IS NOT NULL GROUP BY level, name, metric HAVING count(*) > 1) found
        RETURNING 1
    ), noted AS (
        INSERT INTO wharf.benchmark_runs (profile, period_from, period_to, projects)
        SELECT %(profile)s, %(begin)s, %(until)s, count(DISTINCT project_id) FROM told
    )
    SELECT count(*) FROM compared"""
POOL = text("SELECT wharf.pool_benchmarks(:profile)")


def run_benchmarks(context: Context) -> dict[str, Any]:
    """All tenants, one after the other, then those that share together; how many of what.

    It goes on after the last tenant that a checkpoint names: one that is made anew has the same outcome.
    """
    done = {"after": None, "tenants": 0, "compared": 0, "failed": 0} | (context.checkpoint or {})
    with context.database.anyone() as connection:
        tenants = connection.execute(TENANTS, {"after": done["after"]}).all()
    total = done["tenants"] + len(tenants)
    for row in tenants:
        compared = _compared(context, row.id)
        sums = {"tenants": 1, "compared": compared or 0, "failed": int(compared is None)}
        done |= {"after": row.name} | {name: done[name] + number for name, number in sums.items()}
        said = f"{done['compared']:,} comparisons of projects"
        context.report(done["tenants"], total, stage="projects", message=said)
        with context.transaction() as connection:
            context.save(connection, done)
    with context.transaction() as connection:
        pooled = int(connection.execute(POOL, {"profile": PROFILE}).scalar_one())
    return {name: done[name] for name in ("tenants", "compared", "failed")} | {"pooled": pooled}


def _compared(context: Context, tenant_id: UUID) -> int | None:
    """How many comparisons there are; None where something of this tenant's is in the way: it keeps those it had."""
    try:
        return _compare_projects(context, tenant_id)
    except AWAY as error:
        if is_away(error):
            raise
        context.log("error", "benchmark.tenant_failed", of=str(tenant_id), sqlstate=sqlstate(error))
        return None


@contextmanager
def _tenants_own(context: Context, tenant_id: UUID) -> Iterator[Connection]:
    """A transaction of another tenant than the job's; a cancel interrupts its query."""
    with context.database.tenant(tenant_id) as connection, context.pulse.guarding(connection):
        connection.execute(ALONE, {"tenant": str(tenant_id)})
        yield connection
        context.check()


def _compare_projects(context: Context, tenant_id: UUID) -> int:
    """Make one tenant's benchmarks anew; how many comparisons there are."""
    with _tenants_own(context, tenant_id) as connection:
        for table in (BenchmarkRun, BenchmarkValue, Benchmark, BenchmarkShare):
            connection.execute(delete(table).where(table.profile == PROFILE))
        dataset = _dataset(connection)
        return _fill(connection, dataset, context.payload) if dataset else 0


def _dataset(connection: Connection) -> sql.Identifier | None:
    """The table of the transaction's tenant; None where it has none, or one of another kind."""
    query = select(Dataset.schema_name, Dataset.table_name, Dataset.definition).where(Dataset.profile == PROFILE)
    row = connection.execute(query).first()
    found = {column["name"]: column["type"] for column in row.definition["columns"]} if row else {}
    if row is None or any(found.get(name) != kind for name, kind in COLUMNS.items()):
        return None
    return sql.Identifier(row.schema_name, row.table_name)


def _fill(connection: Connection, dataset: sql.Identifier, payload: BenchmarkPayload) -> int:
    driver = driver_of(connection)
    found = driver.execute(sql.SQL(SPAN).format(dataset=dataset)).fetchone()
    if found is None or found[0] is None:
        return 0
    until, days = found[0], timedelta(days=payload.days)
    span = {"before": until - 2 * days, "begin": until - days, "until": until}
    values = span | {"profile": PROFILE, "most": payload.most, "longest": LONGEST_BYTES}
    row = driver.execute(sql.SQL(FILL).format(dataset=dataset), values).fetchone()
    return int(row[0]) if row else 0
