"""What imports leave: rejects, dry runs that nobody committed, and what rows were before, for their undo."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection, text

from wharf.common.ledger.database import driver_of
from wharf.scheduler.housekeeping.course import BATCH, NOTHING, Batched, Course, Cut, counted

IMPORTS = 50
"""Imports of one transaction."""
# Jobs of the tenant that have not ended: each part has an index, however many jobs there were.
LIVE = """live AS MATERIALIZED (
    SELECT payload ->> 'upload_id' AS upload_id, payload ->> 'import_id' AS import_id FROM (
        SELECT payload FROM wharf.jobs WHERE admitted AND status IN ('queued', 'running', 'cancelling')
        UNION ALL SELECT payload FROM wharf.jobs WHERE status = 'queued' AND NOT admitted
        UNION ALL SELECT payload FROM wharf.jobs WHERE status = 'retrying'
        UNION ALL SELECT payload FROM wharf.jobs WHERE waits) unfinished)"""
AT_WORK = "i.id::text IN (SELECT import_id FROM live WHERE import_id IS NOT NULL)"
OLD = "now() - make_interval(days => :days)"

# An import and its first job have one time, which the index of the jobs' list leads to.
_OLD_REJECTS = f"""
    SELECT i.id FROM wharf.imports i
    WHERE NOT i.swept AND i.created_at < {OLD} AND coalesce(i.merged_at, i.created_at) < {OLD} AND NOT {AT_WORK}
      AND NOT EXISTS (SELECT FROM wharf.jobs j WHERE j.created_at = i.created_at
                      AND j.payload ->> 'import_id' = i.id::text AND j.finished_at >= {OLD})"""
COUNT_REJECTS = text(f"""
    WITH {LIVE}, chosen AS ({_OLD_REJECTS})
    SELECT count(*) FROM wharf.rejects WHERE import_id IN (SELECT id FROM chosen)""")
CHOOSE_REJECTS = text(f"WITH {LIVE} {_OLD_REJECTS} ORDER BY i.created_at LIMIT :most FOR UPDATE OF i SKIP LOCKED")
# First of all: nobody is shown a part of them.
HIDE_REJECTS = text("""
    UPDATE wharf.imports i SET rejects_removed_at = now()
    WHERE id = ANY (cast(:ids AS uuid[])) AND rejects_removed_at IS NULL
      AND EXISTS (SELECT FROM wharf.rejects r WHERE r.import_id = i.id)""")
SWEPT = text("UPDATE wharf.imports SET swept = true WHERE id = ANY (cast(:ids AS uuid[]))")

LAPSED = text(f"""
    WITH {LIVE} SELECT i.id FROM wharf.imports i
    WHERE i.waiting IS NOT NULL AND NOT {AT_WORK} AND i.id::text IN (
        SELECT j.payload ->> 'import_id' FROM wharf.jobs j
        WHERE j.status = 'completed' AND j.payload ->> 'dry_run' = 'true' AND j.finished_at < {OLD})
    LIMIT :most FOR UPDATE OF i SKIP LOCKED""")
LET_LAPSE = text("UPDATE wharf.imports SET waiting = NULL WHERE id = ANY (cast(:ids AS uuid[]))")

# The oldest first, and never one before an earlier one of the same place: an undo asks what was replaced after it.
FORGETTABLE = text(f"""
    WITH {LIVE}, old AS MATERIALIZED (
        SELECT id, profile, project_id, turn FROM wharf.imports WHERE turn IS NOT NULL AND merged_at < {OLD}
    ), held AS MATERIALIZED (
        SELECT i.profile, i.project_id, min(i.turn) AS turn FROM old i
        WHERE {AT_WORK} OR EXISTS (SELECT FROM wharf.conflicts c WHERE c.import_id = i.id AND c.decided IS NULL)
        GROUP BY i.profile, i.project_id)
    SELECT i.id, i.turn FROM old i
    WHERE NOT EXISTS (SELECT FROM held h
                      WHERE h.profile = i.profile AND h.project_id = i.project_id AND h.turn <= i.turn)
    ORDER BY i.turn LIMIT :most""")
FORGET_TURNS = text("UPDATE wharf.imports SET turn = NULL WHERE id = ANY (cast(:ids AS uuid[]))")
HORIZON = text(f"SELECT min(turn) FROM wharf.imports WHERE turn IS NOT NULL AND merged_at >= {OLD}")
JOURNALS = text("""
    SELECT n.nspname, c.relname FROM wharf.datasets d JOIN pg_namespace n ON n.nspname = d.schema_name
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = '_was_' || d.table_name ORDER BY c.relname""")
BEYOND = 2**62


def remove_rejects(course: Course, connection: Connection) -> Cut:
    """Rejects of imports that ended long ago; then their import says when they were removed."""
    values = {"days": course.keep.rejects}
    if course.is_trial:
        return counted(connection.execute(COUNT_REJECTS, values).scalar_one())
    ids = list(connection.execute(CHOOSE_REJECTS, values | {"most": IMPORTS}).scalars())
    if not ids:
        return NOTHING
    connection.execute(HIDE_REJECTS, {"ids": ids})
    rejects, assigned = (_delete_of(connection, table, ids) for table in ("rejects", "assigned"))
    emptied = max(rejects, assigned) < BATCH
    if emptied:
        connection.execute(SWEPT, {"ids": ids})
    return Cut(rejects, more=not emptied or len(ids) == IMPORTS)


def _delete_of(connection: Connection, table: str, imports: list[UUID]) -> int:
    statement = sql.SQL(
        "DELETE FROM wharf.{table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM wharf.{table}"
        " WHERE import_id = ANY (%s) LIMIT {most}))"
    ).format(table=sql.Identifier(table), most=BATCH)
    return driver_of(connection).execute(statement, [imports]).rowcount


def lapse_dry_runs(course: Course, connection: Connection) -> Cut:
    """Dry runs that nobody committed: their file need not be kept for it any longer."""
    values = {"days": course.keep.dry_runs, "most": BEYOND if course.is_trial else IMPORTS}
    ids = list(connection.execute(LAPSED, values).scalars())
    if not ids:
        return NOTHING
    if not course.is_trial:
        connection.execute(LET_LAPSE, {"ids": ids})
    return Cut(len(ids), more=len(ids) == IMPORTS)


def forget_prior_values(course: Course, connection: Connection) -> Cut:
    """Rows as they were before imports that can be undone no more; those imports then say so."""
    days = {"days": course.keep.undo}
    found = connection.execute(FORGETTABLE, days | {"most": BEYOND if course.is_trial else IMPORTS}).all()
    turns = [row.turn for row in found]
    if found and not course.is_trial:
        connection.execute(FORGET_TURNS, {"ids": [row.id for row in found]})
    horizon = connection.execute(HORIZON, days).scalar() or BEYOND
    gone, full = 0, False
    for journal in connection.execute(JOURNALS).all():
        rows = _forget_rows(course, connection, sql.Identifier(*journal), horizon, turns)
        gone, full = gone + rows, full or rows >= BATCH
    return Cut(gone, more=full or len(found) == IMPORTS) if found or gone else NOTHING


def _forget_rows(
    course: Course, connection: Connection, journal: sql.Identifier, horizon: int, turns: list[int]
) -> int:
    """Rows of a journal whose merge nobody knows a number of any more."""
    kept = sql.SQL("was._turn < {} AND NOT EXISTS (SELECT FROM wharf.imports i WHERE i.turn = was._turn)").format(
        horizon
    )
    driver = driver_of(connection)
    if course.is_trial:
        query = sql.SQL("SELECT count(*) FROM {} was WHERE was._turn = ANY (%s) OR ({})").format(journal, kept)
        row: Any = driver.execute(query, [turns]).fetchone()
        return int(row[0])
    statement = sql.SQL(
        "DELETE FROM {0} WHERE ctid = ANY (ARRAY(SELECT was.ctid FROM {0} was WHERE {1} LIMIT {2}))"
    ).format(journal, kept, BATCH)
    return driver.execute(statement).rowcount


CHORES = (
    Batched("rejects", remove_rejects),
    Batched("dry_runs", lapse_dry_runs),
    Batched("prior_values", forget_prior_values),
)
"""In this order: what is forgotten here need not be kept for its sake afterwards."""
