"""Objects that no row knows, which are deleted; rows whose object is not there, which are told.

Objects of uploads beat looks for itself, all day (`wharf.scheduler.orphans`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from wharf.common.jobs.results import FOLDER as RESULTS
from wharf.common.storage import Listed
from wharf.scheduler.housekeeping.course import Course, name_tenant
from wharf.scheduler.orphans import UPLOADS, batches

BATCH = 1_000
SHOWN = 20
PACKAGES = "packages"
UNFINISHED = "status IN ('queued', 'running', 'retrying', 'cancelling')"
KNOWN = {
    PACKAGES: text(f"""
        SELECT id::text FROM wharf.jobs WHERE id = ANY (cast(:ids AS uuid[])) AND ({UNFINISHED} OR (
            status = 'completed' AND result ->> 'made_by' = id::text AND NOT result ? 'removed_at'))"""),
    RESULTS: text(f"""
        SELECT id::text || CASE WHEN {UNFINISHED} THEN ''
                                ELSE '/' || (result -> '_stored' ->> 'attempt') || '.json.gz' END
        FROM wharf.jobs WHERE id = ANY (cast(:ids AS uuid[])) AND ({UNFINISHED} OR result ? '_stored')"""),
}
"""Of each folder what is somebody's: all objects of an id, or one of them."""
ROWS = {
    UPLOADS: text("""
        SELECT id, storage_key AS key FROM wharf.uploads
        WHERE removed_at IS NULL AND created_at < now() - interval '1 hour' AND id > :after ORDER BY id LIMIT :most"""),
    PACKAGES: text("""
        SELECT id, 'packages/' || tenant_id || '/' || id || '/' || (result -> 'files' -> 0 ->> 'name') AS key
        FROM wharf.jobs
        WHERE kind IN ('package', 'report') AND status = 'completed' AND NOT result ? 'removed_at'
          AND result ->> 'made_by' = id::text AND finished_at < now() - interval '1 hour' AND id > :after
        ORDER BY id LIMIT :most"""),
}


@dataclass(frozen=True)
class Orphans:
    """Objects that no row knows and that are old enough: a worker or a clean-up was killed, or a backup restored."""

    name: str = "orphans"

    def run(self, course: Course) -> None:
        """Folder by folder; what is not named as we name things is not ours to judge."""
        before = course.storage.now() - timedelta(seconds=course.keep.orphan_seconds)
        for folder in course.onward(self.name, KNOWN):
            self._drop_unfinished(course, folder, before)
            old = (found for found in course.listed(folder) if found.written_at < before)
            for some in batches(old):
                self._drop(course, _unknown(course, folder, some))

    def _drop(self, course: Course, unknown: Sequence[Listed]) -> None:
        if not course.is_trial:
            course.delete([found.key for found in unknown])
        if unknown:
            with course.transaction(None):
                course.count(self.name, len(unknown), sum(found.size for found in unknown))

    def _drop_unfinished(self, course: Course, folder: str, before: datetime) -> None:
        for path in course.storage.unfinished(folder, course.check):
            with suppress(FileNotFoundError):
                if _written_at(path) < before:
                    course.count(self.name, 1, path.stat().st_size)
                    if not course.is_trial:
                        path.unlink()


@dataclass(frozen=True)
class Missing:
    """Rows whose object is not there: nothing is changed, somebody has to know."""

    name: str = "missing"

    def run(self, course: Course) -> None:
        """Tenant by tenant: the objects' names are listed first, so no row is younger than its list."""
        for tenant_id in course.onward(self.name, map(str, course.tenants())):
            for folder in ROWS:
                self._compare(course, UUID(tenant_id), folder)
        if course.missing:
            course.context.log("warning", "cleanup.objects_missing", objects=course.missing)

    def _compare(self, course: Course, tenant_id: UUID, folder: str) -> None:
        there: set[str] | None = None
        for rows in _pages(course, tenant_id, folder):
            if there is None:
                there = {found.key for found in course.listed(f"{folder}/{tenant_id}")}
            gone = [row for row in rows if row.key not in there]
            if gone:
                self._note(course, tenant_id, folder, gone)

    def _note(self, course: Course, tenant_id: UUID, folder: str, rows: Sequence[Any]) -> None:
        course.missing += len(rows)
        more = [{"in": folder, "tenant_id": str(tenant_id), "id": str(row.id)} for row in rows]
        course.examples = (course.examples + more)[:SHOWN]
        course.count(self.name, 0)


def _pages(course: Course, tenant_id: UUID, folder: str) -> Iterator[Sequence[Any]]:
    after = UUID(int=0)
    while True:
        course.check()
        with course.context.database.tenant(tenant_id) as connection, course.context.pulse.guarding(connection):
            rows = connection.execute(ROWS[folder], {"after": after, "most": BATCH}).all()
        if not rows:
            return
        yield rows
        after = rows[-1].id


def _unknown(course: Course, folder: str, listed: Sequence[Listed]) -> list[Listed]:
    """Those that no row knows. Asked after the listing: rows that came in between are seen."""
    owners: defaultdict[UUID, list[tuple[Listed, str, str]]] = defaultdict(list)
    for found in listed:
        with suppress(ValueError):
            _, tenant, thing = found.key.split("/", 2)
            owners[UUID(tenant)].append((found, str(UUID(thing.partition("/")[0])), thing))
    unknown: list[Listed] = []
    with course.context.database.anyone() as connection, course.context.pulse.guarding(connection):
        for tenant_id, things in owners.items():
            known = _known(connection, folder, tenant_id, {of for _, of, _ in things})
            unknown += [found for found, of, path in things if known.isdisjoint({of, path})]
    return unknown


def _known(connection: Connection, folder: str, tenant_id: UUID, ids: set[str]) -> set[str]:
    name_tenant(connection, tenant_id)
    return set(connection.execute(KNOWN[folder], {"ids": list(ids)}).scalars())


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


CHORES = (Orphans(), Missing())
"""Last: what the classes before could not delete is found here."""
