"""Staging is unlogged. A server that crashed and came back between two transactions of an import has emptied it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import psycopg

from wharf.local.samples import write_transactions
from wharf.local.trial import Trial, eventually

ROWS = 300
TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
DATASET = """
    SELECT d.schema_name FROM wharf.datasets d JOIN wharf.tenants t ON t.id = d.tenant_id
    WHERE t.name = 'default' AND d.profile = 'transactions'"""
STAGED = """
    SELECT n.nspname AS place, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN wharf.imports i ON c.relname = 'staging_' || replace(i.id::text, '-', '') WHERE i.project_id = %s"""
WAITS = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_a_merge_does_not_take_an_emptied_table_for_the_file(wharf: Trial, tmp_path: Path) -> None:
    """It completed with every row counted and none there; now the file is read again."""
    path, project = tmp_path / "t.csv", f"crash-{uuid4().hex[:8]}"
    write_transactions(path, ROWS, seed=5, most_lines=1, prefix=f"{project}-")
    wharf.load(path, profile="transactions", project_id=f"{project}-before")
    place = f"{wharf.one(DATASET)}.transactions/{project}"
    with psycopg.connect(wharf.connection.database_url) as other:
        other.execute(TURN, [place])
        job = wharf.upload(path, profile="transactions", project_id=project)
        eventually(lambda: wharf.ask(WAITS), "the merge to wait for its turn")
        (table,) = wharf.ask(STAGED, project)
        with psycopg.connect(wharf.connection.database_url, autocommit=True) as owner:
            owner.execute(psycopg.sql.SQL("TRUNCATE {}").format(psycopg.sql.Identifier(table["place"], table["name"])))
    ended = wharf.ended(job["job_id"])
    assert (ended["status"], ended["attempt"]) == ("completed", 2)
    assert ended["result"]["inserted"] == ROWS
    schema = place.partition(".")[0]
    assert wharf.one(f'SELECT count(*) FROM "{schema}".transactions WHERE project_id = %s', project) == ROWS
