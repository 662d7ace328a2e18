"""Files past their time: uploads, packages; and results that the storage did not take when their job ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from wharf.common.jobs.results import LARGEST_BYTES, kept
from wharf.common.packages.files import file_key
from wharf.scheduler.housekeeping.course import NOTHING, Batched, Course, Cut, counted
from wharf.scheduler.housekeeping.imports import LIVE, OLD

FILES = 200
"""Uploads or packages of one transaction."""
RESULTS = 20
RESULT_DAYS = 7
JOB_DAYS = 30
"""No job needs longer from its submission to its end; that time has an index."""

# Needed by nobody: no job is at work on it, nothing waits to be committed, corrected or undone. Young is what was used.
_FREE = f"""
    u.removed_at IS NULL AND u.created_at < {OLD}
    AND u.id::text NOT IN (SELECT upload_id FROM live WHERE upload_id IS NOT NULL)
    AND NOT EXISTS (
        SELECT FROM wharf.imports i WHERE i.upload_id = u.id AND (
            (i.turn IS NOT NULL AND i.undone_at IS NULL) OR (i.waiting IS NOT NULL AND i.merged_at IS NULL)
            OR greatest(i.created_at, i.merged_at) >= {OLD}
            OR i.id::text IN (SELECT import_id FROM live WHERE import_id IS NOT NULL)
            OR (NOT i.swept AND EXISTS (SELECT FROM wharf.rejects r WHERE r.import_id = i.id))))"""
COUNT_UPLOADS = text(
    f"WITH {LIVE} SELECT count(*), coalesce(sum(u.size), 0)::bigint FROM wharf.uploads u WHERE {_FREE}"
)
# Locked first, and looked at again: an import of it may have been asked for in between.
LOCK_UPLOADS = text(f"""
    WITH {LIVE} SELECT u.id FROM wharf.uploads u WHERE {_FREE}
    ORDER BY u.created_at LIMIT :most FOR UPDATE OF u SKIP LOCKED""")
REMOVE_UPLOADS = text(f"""
    WITH {LIVE} UPDATE wharf.uploads u SET removed_at = now() WHERE u.id = ANY (cast(:ids AS uuid[])) AND {_FREE}
    RETURNING u.storage_key, u.size""")

_PACKAGE = (
    "{0}.kind IN ('package', 'report') AND {0}.status = 'completed' AND NOT {0}.result ? 'removed_at'"
    " AND {0}.result ? 'made_by'"
)
# Packages that are the same share their files: those go when the last one of them is old.
_OLD_PACKAGES = f"""
    SELECT j.id FROM wharf.jobs j WHERE {_PACKAGE.format("j")} AND j.finished_at < {OLD} AND NOT EXISTS (
        SELECT FROM wharf.jobs n WHERE {_PACKAGE.format("n")}
          AND n.finished_at >= {OLD} AND n.result ->> 'made_by' = j.result ->> 'made_by')"""
LOOK_PACKAGES = text(f"SELECT id, result FROM wharf.jobs WHERE id IN ({_OLD_PACKAGES})")
REMOVE_PACKAGES = text(f"""
    UPDATE wharf.jobs SET result = result || jsonb_build_object('removed_at', now())
    WHERE id = ANY (ARRAY({_OLD_PACKAGES} ORDER BY j.finished_at LIMIT :most FOR UPDATE OF j SKIP LOCKED))
    RETURNING id, result""")

# No compression of PostgreSQL makes a value smaller than a ninetieth: most results need not be read. Its spaces make a
# text longer by half at most: whatever is still longer than that is too large without them.
_LARGE = f"""
    created_at > now() - interval '{RESULT_DAYS + JOB_DAYS} days'
    AND finished_at > now() - interval '{RESULT_DAYS} days' AND status = 'completed'
    AND pg_column_size(result) > 700 AND NOT result ? '_stored'
    AND octet_length(result::text) > {LARGEST_BYTES} * 3 / 2"""
COUNT_LARGE = text(f"SELECT count(*) FROM wharf.jobs WHERE {_LARGE}")
LARGE = text(f"SELECT id, attempt, result FROM wharf.jobs WHERE {_LARGE} LIMIT :most FOR UPDATE SKIP LOCKED")
SHORTEN = text("UPDATE wharf.jobs SET result = :result WHERE id = :id").bindparams(bindparam("result", type_=JSONB))


def remove_uploads(course: Course, connection: Connection) -> Cut:
    """Files that nobody needs any more; their rows stay, and say so."""
    values = {"days": course.keep.uploads}
    if course.is_trial:
        items, size = connection.execute(COUNT_UPLOADS, values).one()
        return counted(items, size)
    ids = list(connection.execute(LOCK_UPLOADS, values | {"most": FILES}).scalars())
    if not ids:
        return NOTHING
    gone = connection.execute(REMOVE_UPLOADS, values | {"ids": ids}).all()
    keys = [row.storage_key for row in gone]
    return Cut(len(gone), more=len(ids) == FILES, size=sum(row.size for row in gone), keys=keys)


def remove_packages(course: Course, connection: Connection) -> Cut:
    """Files of packages; the jobs that made them stay, and say so."""
    tenant_id = connection.exec_driver_sql("SELECT current_setting('wharf.tenant')::uuid").scalar_one()
    values = {"days": course.keep.packages}
    if course.is_trial:
        found = connection.execute(LOOK_PACKAGES, values).all()
    else:
        found = connection.execute(REMOVE_PACKAGES, values | {"most": FILES}).all()
    if not found:
        return NOTHING
    files = {key: size for row in found for key, size in _files(tenant_id, row.result)}
    return Cut(len(found), more=len(found) == FILES, size=sum(files.values()), keys=tuple(files))


def _files(tenant_id: UUID, result: dict[str, Any]) -> list[tuple[str, int]]:
    made_by = UUID(result["made_by"])
    return [(file_key(tenant_id, made_by, file["name"]), int(file["size"])) for file in result["files"]]


def move_results(course: Course, connection: Connection) -> Cut:
    """Large results that are still in the ledger: of the last days only, those before have been looked at."""
    if course.is_trial:
        return counted(connection.execute(COUNT_LARGE).scalar_one())
    tenant_id = connection.exec_driver_sql("SELECT current_setting('wharf.tenant')::uuid").scalar_one()
    found = connection.execute(LARGE, {"most": RESULTS}).all()
    moved = sum(_is_moved(course, connection, tenant_id, row) for row in found)
    return Cut(moved, more=moved == RESULTS) if moved else NOTHING


def _is_moved(course: Course, connection: Connection, tenant_id: UUID, row: Row[Any]) -> bool:
    course.check()
    short = kept(course.storage, tenant_id, row.id, row.attempt, row.result)
    if short is row.result:
        return False
    connection.execute(SHORTEN, {"id": row.id, "result": short})
    return True


CHORES = (
    Batched("packages", remove_packages),
    Batched("uploads", remove_uploads),
    Batched("large_results", move_results),
)
"""Their rows change first, and in the same run the objects go."""
