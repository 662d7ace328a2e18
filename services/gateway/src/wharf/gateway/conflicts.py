"""Cells that wait until somebody decides: listed, and decided one by one or all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal
from uuid import UUID

from psycopg import sql
from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, text, update

from wharf.common.clock import new_id
from wharf.common.errors import Conflict
from wharf.common.ledger.database import driver_of
from wharf.common.ledger.journal import Journal, names, of, same_key
from wharf.common.ledger.models import CellConflict, Dataset, DataUpdate, Import
from wharf.common.ledger.turns import take_turn
from wharf.gateway.authentication import Member
from wharf.gateway.cursors import decode, page
from wharf.gateway.jobs import Rows, find_job, import_of

Take = Literal["existing", "incoming"]
PATIENCE = text("SET LOCAL lock_timeout = '10s'")
"""A merge into the dataset may take minutes: then the decision is made later."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which cells, and what they are to be: those of `ids`, or (None) all that wait, of one column or of all."""

    take: Take
    ids: tuple[int, ...] | None = None
    column: str | None = None

    def conditions(self, import_id: UUID) -> list[ColumnElement[bool]]:
        """For a query on conflicts."""
        found: list[ColumnElement[bool]] = [CellConflict.import_id == import_id, CellConflict.decided.is_(None)]
        if self.ids is not None:
            found.append(CellConflict.id.in_(self.ids))
        if self.column is not None:
            found.append(CellConflict.column_name == self.column)
        return found


@dataclass(frozen=True, slots=True)
class Decided:
    """How many cells match and were decided; the ids of those whose cell has changed since, which still wait."""

    matched: int
    done: int
    changed: list[int]


def list_conflicts(connection: Connection, member: Member, job_id: UUID, cursor: str | None, limit: int) -> Rows:
    """The cells of an import that somebody was asked about, in the file's order; the decided ones too."""
    find_job(connection, member, job_id)
    query = _cells(import_of(connection, job_id))
    if cursor:
        query = query.where(CellConflict.id > decode(cursor, (int,))[0])
    rows = connection.execute(query.order_by(CellConflict.id).limit(limit + 1)).mappings()
    return page([dict(row) for row in rows], limit, lambda row: (row["id"],))


def waiting(connection: Connection, job_id: UUID, most: int) -> list[dict[str, Any]]:
    """The first of an import's cells that nobody has decided about."""
    query = _cells(import_of(connection, job_id)).where(CellConflict.decided.is_(None))
    return [dict(row) for row in connection.execute(query.order_by(CellConflict.id).limit(most)).mappings()]


def _cells(import_id: UUID) -> Select[*tuple[Any, ...]]:
    columns = (
        CellConflict.id, CellConflict.line, CellConflict.key, CellConflict.column_name.label("column"),
        CellConflict.existing, CellConflict.incoming, CellConflict.decided, CellConflict.decided_at,
    )  # fmt: skip
    return select(*columns).where(CellConflict.import_id == import_id)


def count(connection: Connection, member: Member, job_id: UUID, choices: list[Choice]) -> int:
    """How many waiting cells these choices would decide."""
    find_job(connection, member, job_id)
    import_id = import_of(connection, job_id)
    queries = (select(func.count()).where(*choice.conditions(import_id)) for choice in choices)
    return sum(connection.execute(query).scalar_one() for query in queries)


def decide(connection: Connection, member: Member, job_id: UUID, choices: list[Choice]) -> Decided:
    """Decide, and write what is taken into the dataset at once, in its turn. Raises `Conflict` for an undone import."""
    find_job(connection, member, job_id)
    found = connection.execute(select(*Import.__table__.c).where(Import.id == import_of(connection, job_id))).one()
    schema = connection.execute(select(Dataset.schema_name).where(Dataset.profile == found.profile)).scalar()
    if schema is None:
        return Decided(0, 0, [])
    connection.execute(PATIENCE)
    take_turn(connection, schema, found.profile, found.project_id)
    if connection.execute(select(Import.undone_at).where(Import.id == found.id)).scalar():
        message = "This import is undone: there is nothing left to decide."
        raise Conflict(message, code="already_undone")
    return _Decision(connection, member, job_id, found).make(choices)


@dataclass(frozen=True)
class _Decision:
    """Choices about the cells of one import, under the turn lock."""

    connection: Connection
    member: Member
    job_id: UUID
    imported: Row[Any]

    def make(self, choices: list[Choice]) -> Decided:
        matched, done, taken, changed = 0, 0, 0, []
        for choice in choices:
            wanted = self._wanted(choice)
            matched += len(wanted)
            if choice.take == "existing":
                done += self._mark([row.id for row in wanted], choice.take)
                continue
            for column, rows in groupby(wanted, key=lambda row: str(row.column_name)):
                ids = [row.id for row in rows]
                taken_now, applied = self._apply(column, ids)
                taken += taken_now
                done += self._mark(applied, choice.take)
                changed += sorted(set(ids) - set(applied))
        if taken:
            self._account(taken)
        return Decided(matched, done, changed)

    def _wanted(self, choice: Choice) -> list[Row[Any]]:
        query = select(CellConflict.id, CellConflict.column_name).where(*choice.conditions(self.imported.id))
        return list(self.connection.execute(query.order_by(CellConflict.column_name, CellConflict.id)))

    def _mark(self, ids: list[int], take: Take) -> int:
        values = {"decided": take, "decided_at": func.now(), "decided_by": self.member.key_id}
        marked = update(CellConflict).where(CellConflict.id.in_(ids), CellConflict.decided.is_(None)).values(values)
        return self.connection.execute(marked).rowcount if ids else 0

    def _apply(self, column: str, ids: list[int]) -> tuple[int, list[int]]:
        """Write the incoming cells; gives how many rows became the import's by it, and the ids that were written.

        A row that is still as the import found it is journaled, and is the import's now: its undo gives it back. One
        that a later import has changed elsewhere stays that import's.
        """
        journal = Journal.of(self.connection, self.imported.profile)
        statement = sql.SQL(
            "WITH due AS (SELECT f.id AS _id, f.line AS _at, f.existing_import AS _of, k.*, x.{cell} AS _existing"
            " FROM wharf.conflicts f,"
            " jsonb_populate_record(NULL::{dataset}, f.key || jsonb_build_object({name}, f.incoming)) k,"
            " jsonb_populate_record(NULL::{dataset}, jsonb_build_object({name}, f.existing)) x WHERE f.id = ANY (%s)),"
            " kept AS (INSERT INTO {journal} ({columns}, _turn) SELECT {was}, {turn} FROM {dataset} was JOIN due"
            " ON {same} WHERE was.{cell} IS NOT DISTINCT FROM due._existing AND was._import_id = due._of"
            " RETURNING 1), written AS (UPDATE {dataset} was SET {cell} = due.{cell}, {lineage} FROM due WHERE {same}"
            " AND was.{cell} IS NOT DISTINCT FROM due._existing RETURNING due._id)"
            " SELECT (SELECT count(*) FROM kept), (SELECT coalesce(array_agg(_id), '{{}}') FROM written)"
        ).format(
            cell=sql.Identifier(column),
            name=sql.Literal(column),
            dataset=journal.dataset,
            journal=journal.table,
            columns=names(journal.columns),
            was=of("was", journal.columns),
            turn=self.imported.turn,
            same=sql.SQL("was.project_id = {} AND {}").format(
                self.imported.project_id, same_key("was", "due", journal.key)
            ),
            lineage=sql.SQL(", ").join(self._lineage()),
        )
        taken, written = driver_of(self.connection).execute(statement, [ids]).fetchone() or (0, [])
        return taken, written

    def _lineage(self) -> Iterator[sql.Composable]:
        """Whose the row is afterwards: the import's, where nobody else has changed it meanwhile."""
        for name, value in (("_import_id", sql.Literal(str(self.imported.id))), ("_line", sql.SQL("due._at"))):
            case = "{0} = CASE WHEN was._import_id = due._of THEN {1} ELSE was.{0} END"
            yield sql.SQL(case).format(sql.Identifier(name), value)

    def _account(self, taken: int) -> None:
        """Rows that became the import's. Under the turn lock the last account says how many there are."""
        one = self.imported
        last = select(DataUpdate.rows_after).where(
            DataUpdate.profile == one.profile, DataUpdate.project_id == one.project_id
        )
        rows = self.connection.execute(
            last.order_by(DataUpdate.nth.desc().nulls_last(), DataUpdate.at.desc()).limit(1)
        ).scalar_one()
        counts = {"inserted": 0, "updated": taken, "unchanged": 0, "superseded": 0, "rejected": 0}
        values: dict[str, Any] = {
            "id": new_id(), "tenant_id": self.member.tenant_id, "project_id": one.project_id, "profile": one.profile,
            "import_id": one.id, "job_id": self.job_id, "mode": "decisions", "rows_before": rows, "rows_after": rows,
        }  # fmt: skip
        self.connection.execute(insert(DataUpdate).values(values | counts))
