from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, LiteralString
from uuid import UUID, uuid4

import pytest
from psycopg import sql
from sqlalchemy import Connection, create_engine, text

from wharf.common.ledger.database import driver_of, driver_url
from wharf.common.ledger.journal import Journal
from wharf.ingest_worker import upsert as upserts
from wharf.ingest_worker.upsert import Upsert
from wharf.local.trial import Trial

COLUMNS = {"a": "text", "b": "integer", "v": "text"}
DEFINITION = json.dumps({"key": ["a", "b"], "columns": [{"name": n, "type": t} for n, t in COLUMNS.items()]})
OLD, NEW = UUID(int=1), UUID(int=2)
TARGETS = ("project_id", "a", "b", "v", "_import_id", "_line")


@pytest.fixture(params=[False, True], ids=["returns old rows", "journals first"])
def connection(wharf: Trial, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A transaction of the default tenant, with the rights of a worker; PostgreSQL before 18 has no old rows."""
    if request.param:
        monkeypatch.setattr(upserts, "RETURNS_OLD", 10**9)
    engine = create_engine(driver_url(wharf.connection.database_url))
    tenant = wharf.one("SELECT id FROM wharf.tenants WHERE name = 'default'")
    with engine.connect() as opened:
        opened.execute(text("SET LOCAL SESSION AUTHORIZATION wharf_app"))
        opened.execute(text("SELECT set_config('wharf.tenant', :tenant, true)"), {"tenant": str(tenant)})
        yield opened
        opened.rollback()
    engine.dispose()


def query(*rows: tuple[Any, ...], by: UUID) -> sql.Composed:
    """These rows `(a, b, v)` of an import, as an upsert takes them."""
    one = "({}::text, {}::bigint, {}::text, {}::uuid, {}::bigint)"
    values = [sql.SQL(one).format(a, b, v, str(by), nth) for nth, (a, b, v) in enumerate(rows)]
    columns = sql.SQL(", ").join(map(sql.Identifier, TARGETS[1:]))
    statement = "SELECT 'p'::text AS project_id, v.* FROM (VALUES {}) v ({})"
    return sql.SQL(statement).format(sql.SQL(", ").join(values), columns)


def all_of(connection: Connection, asked: LiteralString, table: sql.Composable) -> list[Any]:
    """What a query of that table finds."""
    return driver_of(connection).execute(sql.SQL(asked).format(table)).fetchall()


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize("never_empty", [("a",), ()])
def test_new_changed_and_unchanged_rows(connection: Connection, never_empty: tuple[str, ...], *, few: bool) -> None:
    """Counted exactly, an empty cell in the key is like an empty cell, and only what changed is journaled."""
    name = f"u_{uuid4().hex[:12]}"
    connection.execute(text("SELECT wharf.ensure_dataset(:name, cast(:d AS jsonb))"), {"name": name, "d": DEFINITION})
    journal = Journal.of(connection, name)
    changes = {"v": sql.Identifier("new", "v")}

    def run(turn: int, rows: sql.Composed) -> tuple[int, int]:
        return Upsert(journal, turn, "p", rows, TARGETS, never_empty, changes, few).run(connection)

    assert run(1, query(("A", 1, "old"), ("A", None, "old"), ("B", 1, "same"), by=OLD)) == (3, 0)
    assert run(2, query(("A", 1, "new"), ("A", None, "new"), ("B", 1, "same"), ("C", 1, "x"), by=NEW)) == (1, 2)
    found = all_of(connection, "SELECT a, b, v, _import_id FROM {} ORDER BY a, b", journal.dataset)
    assert found == [("A", 1, "new", NEW), ("A", None, "new", NEW), ("B", 1, "same", OLD), ("C", 1, "x", NEW)]
    kept = all_of(connection, "SELECT a, b, v, _import_id, _turn FROM {} ORDER BY b", journal.table)
    assert kept == [("A", 1, "old", OLD, 2), ("A", None, "old", OLD, 2)]


def test_few_rows_are_looked_up_in_a_project_that_statistics_do_not_know(connection: Connection) -> None:
    """What is read of the dataset grows with the rows that come, not with those that are there."""
    name = f"u_{uuid4().hex[:12]}"
    connection.execute(text("SELECT wharf.ensure_dataset(:name, cast(:d AS jsonb))"), {"name": name, "d": DEFINITION})
    journal = Journal.of(connection, name)
    fill(connection, journal, "another", 1_000)
    analyze(connection, journal)
    fill(connection, journal, "p", 40_000)
    rows = query(*((f"A{nth}", nth, "new") for nth in range(39_980, 40_030)), by=NEW)
    before = rows_read(connection, name)
    changes = {"v": sql.Identifier("new", "v")}
    assert Upsert(journal, 1, "p", rows, TARGETS, ("a", "b"), changes, few=True).run(connection) == (29, 21)
    assert rows_read(connection, name) - before <= 200


def fill(connection: Connection, journal: Journal, project: str, count: int) -> None:
    """So many rows of another import, keys from 1 on."""
    statement = sql.SQL(
        "INSERT INTO {} ({}) SELECT {}, 'A' || n, n, 'old', {}::uuid, n FROM generate_series(1, {}) n"
    ).format(journal.dataset, sql.SQL(", ").join(map(sql.Identifier, TARGETS)), project, str(OLD), count)
    driver_of(connection).execute(statement)


def analyze(connection: Connection, journal: Journal) -> None:
    """As autovacuum does, who owns the table."""
    connection.execute(text("RESET SESSION AUTHORIZATION"))
    driver_of(connection).execute(sql.SQL("ANALYZE {}").format(journal.dataset))
    connection.execute(text("SET LOCAL SESSION AUTHORIZATION wharf_app"))


def rows_read(connection: Connection, table: str) -> int:
    """Rows of that table that this transaction has read so far."""
    query = (
        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_all_tables WHERE relname = :t"
    )
    return int(connection.execute(text(query), {"t": table}).scalar_one())
