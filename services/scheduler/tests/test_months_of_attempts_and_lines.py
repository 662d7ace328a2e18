"""Log lines and attempts are kept by the month of their job: made ahead, dropped whole, closed to everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from psycopg.rows import dict_row
from sqlalchemy import create_engine

from wharf.common.ledger import migration
from wharf.common.ledger.database import driver_url
from wharf.local.address import as_role

APP_PASSWORD, DISPATCH_PASSWORD = "a", "d"
"""As the backend has them: roles belong to the whole server."""
TABLES = ("attempts", "job_logs")
MONTH = "date_trunc('month', now() AT TIME ZONE 'UTC' + make_interval(months => %s)) AT TIME ZONE 'UTC'"
PARTITIONS = """
    SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
           EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = 'tenant') AS has_policy
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent IN ('wharf.attempts'::regclass, 'wharf.job_logs'::regclass) ORDER BY 1"""


@dataclass(frozen=True)
class Months:
    """A ledger of its own, with the past that it was given."""

    owner: psycopg.Connection[dict[str, Any]]
    app: psycopg.Connection[dict[str, Any]]
    tenant: UUID
    migrated: frozenset[str]
    """The partitions that there were after the migration."""

    def ask(self, statement: str, *values: object) -> list[dict[str, Any]]:
        done = self.owner.execute(statement.encode(), values)
        return done.fetchall() if done.description else []

    def drop(self, table: str, *, trial: bool = False) -> tuple[int, int]:
        """As housekeeping does, with a retention of three months: how many partitions, and about how many rows."""
        query = "SELECT partitions, lines FROM wharf.drop_partition(%s, '92 days', %s)"
        row = self.app.execute(query, (table, trial)).fetchone()
        assert row
        return row["partitions"], row["lines"]

    def partitions(self) -> set[str]:
        return {row["name"] for row in self.ask(PARTITIONS)}

    def named(self, nth: int) -> set[str]:
        """The partitions of the month that is so many after this one."""
        (row,) = self.ask(f"SELECT {MONTH} AS at", nth)
        return {f"{table}_{row['at']:%Y_%m}" for table in TABLES}

    def job(self, months: int, status: str = "completed", *, waits: bool = False) -> UUID:
        """A job that was submitted so many months ago, with an attempt and a line; it may wait for its parts."""
        job_id: UUID = self.ask(f"SELECT wharf.first_id({MONTH} + interval '1 hour') AS id", months)[0]["id"]
        self.ask(
            "INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, admitted, waits)"
            " VALUES (%s, %s, 'p', 'echo', 'maintenance', 1, %s, %s, %s)",
            job_id, self.tenant, status, not waits, waits,
        )  # fmt: skip
        written(self.owner, job_id, self.tenant)
        return job_id

    def where(self, table: str, job_id: UUID) -> list[str]:
        """In which partitions a job's rows are."""
        rows = self.ask(f"SELECT tableoid::regclass::text AS name FROM wharf.{table} WHERE job_id = %s", job_id)
        return [row["name"].removeprefix("wharf.") for row in rows]


def written(connection: psycopg.Connection[Any], job_id: UUID, tenant: UUID) -> None:
    of = (job_id, tenant)
    connection.execute("INSERT INTO wharf.attempts (job_id, attempt, tenant_id, worker) VALUES (%s, 1, %s, 'w')", of)
    line = "INSERT INTO wharf.job_logs (job_id, tenant_id, attempt, level, event) VALUES (%s, %s, 1, 'info', 'e')"
    connection.execute(line, of)


@pytest.fixture(scope="module")
def months(backend) -> Iterator[Months]:
    """Made by the version before, with rows in it; then migrated."""
    name = f"months_{uuid4().hex[:12]}"
    with psycopg.connect(backend.owner_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
    url = f"{backend.owner_url.rsplit('/', 1)[0]}/{name}"
    version_before(url)
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as owner:
        tenant = UUID(int=1)
        owner.execute("INSERT INTO wharf.tenants (id, name, schema_name) VALUES (%s, 't', 't')", (tenant,))
        for job_id in (UUID("018f0000-0000-7000-8000-000000000001"), UUID("018f0000-0000-7000-8000-000000000002")):
            owner.execute(
                "INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status)"
                " VALUES (%s, %s, 'p', 'echo', 'maintenance', 1, 'completed')", (job_id, tenant),
            )  # fmt: skip
            written(owner, job_id, tenant)
        migration.migrate(url, app_password=APP_PASSWORD, dispatch_password=DISPATCH_PASSWORD)
        app_url = as_role(url, "wharf_app", APP_PASSWORD)
        with psycopg.connect(app_url, autocommit=True, row_factory=dict_row) as app:
            migrated = frozenset(row["name"] for row in owner.execute(PARTITIONS.encode()))
            yield Months(owner, app, tenant, migrated)
    with psycopg.connect(backend.owner_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def version_before(url: str) -> None:
    engine = create_engine(driver_url(url))
    with engine.connect() as connection:
        migration._prepare(connection, {})
        connection.exec_driver_sql("SET ROLE wharf_owner")
        config = migration._config()
        config.attributes["connection"] = connection
        command.upgrade(config, ScriptDirectory.from_config(config).get_revision("0013").down_revision)
        connection.commit()
    engine.dispose()


@pytest.fixture
def half_a_year(months) -> Iterator[Months]:
    """As if this version had been there for so long: a partition for each month."""
    for table in TABLES:
        if f"{table}_before" in months.partitions():
            months.ask(f"ALTER TABLE wharf.{table} DETACH PARTITION wharf.{table}_before")
        months.ask("SET ROLE wharf_owner")
        for nth in range(-6, 1):
            months.ask(f"SELECT wharf.make_partition(%s, {MONTH})", table, nth)
        months.ask("RESET ROLE")
    yield months
    for table in ("attempts", "job_logs", "jobs"):
        months.ask(f"DELETE FROM wharf.{table}")


def test_what_was_there_stays_and_goes_on(months):
    """Every row, under the same names; numbers of lines go on behind the last one."""
    counted = "SELECT count(*) AS n FROM wharf.attempts UNION ALL SELECT count(*) FROM wharf.job_logs"
    assert [row["n"] for row in months.ask(counted)] == [2, 2]
    months.app.execute("BEGIN")
    months.app.execute("SELECT set_config('wharf.tenant', %s, true)", (str(months.tenant),))
    written(months.app, UUID("018f0000-0000-7000-8000-000000000003"), months.tenant)
    ids = [row["id"] for row in months.app.execute("SELECT id FROM wharf.job_logs ORDER BY id")]
    months.app.execute("ROLLBACK")
    assert len(set(ids)) == 3
    assert ids == sorted(ids)


def test_the_months_to_come_are_made_ahead(months):
    """Three by the migration, beside what was there and the rest; again and again by housekeeping; once each."""
    unnamed = {f"{table}_{kind}" for table in TABLES for kind in ("before", "rest")}
    assert months.migrated == unnamed.union(*(months.named(nth) for nth in (1, 2, 3)))
    months.app.execute("SELECT wharf.make_partitions(4)")
    assert months.named(4) <= months.partitions()
    assert months.app.execute("SELECT wharf.make_partitions(4) AS made").fetchone() == {"made": 0}


def test_every_partition_is_closed(months):
    """Forced policies on each, and no way to one but through its table, whose policies hold."""
    assert all(row["forced"] and row["has_policy"] for row in months.ask(PARTITIONS))
    for name in months.partitions():
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            months.app.execute(f"SELECT 1 FROM wharf.{name}".encode())
    for table in TABLES:
        assert months.app.execute(f"SELECT count(*) FROM wharf.{table}".encode()).fetchone() == {"count": 0}


def test_months_are_dropped_whole_when_all_in_them_is_old(half_a_year):
    """One at a time, the oldest first; a trial counts all of them and changes nothing."""
    jobs = {months: half_a_year.job(months) for months in (-6, -5, -1)}
    for table in TABLES:
        assert len({*half_a_year.where(table, jobs[-6]), *half_a_year.where(table, jobs[-5])}) == 2
        there = half_a_year.partitions()
        assert half_a_year.drop(table, trial=True)[0] >= 2
        assert half_a_year.partitions() == there
        while half_a_year.drop(table)[0]:
            pass
        left = [len(half_a_year.where(table, job)) for job in jobs.values()]
        assert left == [0, 0, 1]
        assert len(there - half_a_year.partitions()) >= 2


@pytest.mark.parametrize(
    ("status", "waits"),
    [("queued", False), ("running", False), ("running", True), ("retrying", False), ("cancelling", False)],
)
def test_a_month_whose_job_has_not_ended_stays(half_a_year, status, waits):
    """However old it is: its attempts and lines are still told, and those of a job that only waits for its parts."""
    at_work, ended = half_a_year.job(-5, status, waits=waits), half_a_year.job(-6)
    while half_a_year.drop("attempts")[0]:
        pass
    assert [len(half_a_year.where("attempts", job)) for job in (at_work, ended)] == [1, 0]


def test_nobody_waits_for_a_drop(half_a_year):
    """Where a transaction uses the table it is given up after a moment, and those who work go on."""
    job = half_a_year.job(-6)
    half_a_year.owner.execute("BEGIN")
    half_a_year.owner.execute("SELECT 1 FROM wharf.attempts LIMIT 1")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        half_a_year.drop("attempts")
    half_a_year.owner.execute("COMMIT")
    assert half_a_year.drop("attempts")[0] == 1
    assert half_a_year.where("attempts", job) == []


def test_rows_that_came_before_their_month_was_made_move_into_it(months):
    """And rows of a month that was dropped, as of an old job that is tried again, the rest keeps for their time."""
    late = months.job(9)
    assert [months.where(table, late) for table in TABLES] == [["attempts_rest"], ["job_logs_rest"]]
    months.app.execute("SELECT wharf.make_partitions(9)")
    name = months.ask(f"SELECT {MONTH} AS at", 9)[0]["at"].strftime("%Y_%m")
    assert [months.where(table, late) for table in TABLES] == [[f"attempts_{name}"], [f"job_logs_{name}"]]
    odd = months.job(20)
    for table, what, at in (("attempts", "attempts", "started_at"), ("job_logs", "log_lines", "at")):
        forget = "SELECT wharf.forget(%s, '90 days', 100, false) AS gone"
        assert months.app.execute(forget, (what,)).fetchone() == {"gone": 0}
        months.ask(f"UPDATE wharf.{table} SET {at} = now() - interval '91 days' WHERE job_id = %s", odd)
        assert months.app.execute(forget, (what,)).fetchone() == {"gone": 1}
