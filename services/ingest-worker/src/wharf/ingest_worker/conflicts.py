"""Cells that are there and differ: what becomes of them, and those that wait until somebody decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection

from wharf.common.errors import Invalid, Problem
from wharf.common.ledger.database import driver_of
from wharf.common.ledger.journal import of
from wharf.common.profiles import Profile
from wharf.common.profiles.types import Policy

if TYPE_CHECKING:
    from wharf.ingest_worker.upsert import Upsert


def policies_of(profile: Profile, said: Mapping[str, Policy] | None) -> dict[str, Policy]:
    """Each column's policy; raises `Invalid` (`bad_option`) for what the upload says of columns that have none."""
    problems = tuple(_wrong(profile, said or {}))
    if problems:
        message = f"The conflicts cannot be settled so: {problems[0].message}"
        raise Invalid(message, code="bad_option", problems=problems)
    return {c.name: c.conflict for c in profile.columns} | dict(said or {})


def _wrong(profile: Profile, said: Mapping[str, Policy]) -> Iterator[Problem]:
    for name, policy in said.items():
        if name not in profile.column_types or name in profile.key:
            yield Problem(
                f"options.conflicts.{name}", "bad_option", f"{profile.name} has no such column beside its key."
            )
        elif policy is Policy.NEWEST and profile.newest_by is None:
            yield Problem(f"options.conflicts.{name}", "bad_option", "The profile names no column in newest_by.")


def settled(column: str, policy: Policy, newest_by: str | None) -> sql.Composable | None:
    """The cell's value after the merge, from the rows `was` and `new`; None where it stays as it is."""
    names = {"cell": sql.Identifier(column), "time": sql.Identifier(newest_by or column)}
    match policy:
        case Policy.INCOMING:
            return sql.Identifier("new", column)
        case Policy.NON_NULL:
            return sql.SQL("coalesce(new.{cell}, was.{cell})").format(**names)
        case Policy.NEWEST:
            newer = "CASE WHEN was.{time} IS NULL OR new.{time} >= was.{time} THEN new.{cell} ELSE was.{cell} END"
            return sql.SQL(newer).format(**names)
    return None


@dataclass(frozen=True)
class Waiting:
    """The cells of one merge that are asked about."""

    upsert: Upsert
    profile: str
    columns: list[str]
    import_id: UUID
    job_id: UUID

    def write(self, connection: Connection) -> int:
        """Before the merge, which lets those cells be; gives how many there are."""
        if not self.columns:
            return 0
        cell = "({0}, to_jsonb(was.{1}), to_jsonb(new.{1}))"
        cells = [sql.SQL(cell).format(sql.Literal(c), sql.Identifier(c)) for c in self.columns]
        key = [sql.SQL("{}, {}").format(sql.Literal(c), of("was", [c])) for c in self.upsert.journal.key]
        statement = sql.SQL(
            "INSERT INTO wharf.conflicts (tenant_id, import_id, job_id, profile, project_id, key, column_name,"
            " existing, incoming, line, existing_import) SELECT was.tenant_id, {import_id}, {job_id}, {profile},"
            " {project}, jsonb_build_object({key}), c.*, new._line, was._import_id"
            " FROM ({rows}) new JOIN {dataset} was ON {same},"
            " LATERAL (VALUES {cells}) c (name, existing, incoming) WHERE c.existing IS DISTINCT FROM c.incoming"
            " ORDER BY new._line"
        ).format(
            import_id=str(self.import_id),
            job_id=str(self.job_id),
            profile=self.profile,
            project=self.upsert.project_id,
            key=sql.SQL(", ").join(key),
            rows=self.upsert.source(),
            dataset=self.upsert.journal.dataset,
            same=self.upsert.same(),
            cells=sql.SQL(", ").join(cells),
        )
        with self.upsert.led(connection):
            return driver_of(connection).execute(statement).rowcount
