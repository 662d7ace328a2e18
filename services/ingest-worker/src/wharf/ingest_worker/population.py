"""How many rows a project has in a dataset."""

from __future__ import annotations

from psycopg import sql
from sqlalchemy import Connection, text

from wharf.ingest_worker.upsert import one_row

TOLD = text("""
    SELECT rows_after FROM wharf.data_updates
    WHERE profile = :profile AND project_id = :project AND nth IS NOT NULL ORDER BY nth DESC LIMIT 1""")


def rows_of(connection: Connection, dataset: sql.Composable, profile: str, project_id: str) -> int:
    """As its newest account says, for one who has the turn: counting takes as long as there are rows.

    Counted where there is no account, and where it says none: what is inserted then must not meet a row.
    """
    told: int | None = connection.execute(TOLD, {"profile": profile, "project": project_id}).scalar()
    if told:
        return told
    query = sql.SQL("SELECT count(*) FROM {} WHERE project_id = {}").format(dataset, project_id)
    return one_row(connection, query)[0]
