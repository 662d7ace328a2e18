"""What the rows of a dataset were before a merge changed or removed them: enough to undo it.

A journal never holds a row of an import that is undone: each undo takes its own import's rows out of all later entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from psycopg import sql
from sqlalchemy import Connection, select, text

from wharf.common.ledger.database import driver_of
from wharf.common.ledger.models import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

ENSURE = text("SELECT wharf.ensure_journal(:profile)")
NEXT = text("SELECT nextval('wharf.merge_turns')")


@dataclass(frozen=True)
class Journal:
    """The journal of one dataset."""

    dataset: sql.Composable
    table: sql.Composable
    columns: tuple[str, ...]
    """All of the dataset's, those that its profile no longer has too; not the tenant, who is the same in each row."""
    key: tuple[str, ...]

    @classmethod
    def of(cls, connection: Connection, dataset: str) -> Self:
        """Make sure that it is there and has the dataset's columns."""
        name = connection.execute(ENSURE, {"profile": dataset}).scalar_one()
        query = select(Dataset.schema_name, Dataset.table_name, Dataset.definition).where(Dataset.profile == dataset)
        row = connection.execute(query).one()
        columns = ("project_id", *(c["name"] for c in row.definition["columns"]), "properties", "_import_id", "_line")
        here, there = sql.Identifier(row.schema_name, row.table_name), sql.Identifier(row.schema_name, name)
        return cls(here, there, columns, tuple(row.definition.get("key") or ()))

    def keep_all(self, connection: Connection, turn: int, project_id: str, *, but: UUID | None = None) -> None:
        """Take all rows of a project out of the dataset and keep them; those of one import stay."""
        which = sql.SQL("project_id = {}").format(project_id)
        if but is not None:
            which += sql.SQL(" AND _import_id <> {}").format(str(but))
        statement = sql.SQL(
            "WITH kept AS (INSERT INTO {table} ({columns}, _turn) SELECT {columns}, {turn} FROM {dataset}"
            " WHERE {which}) DELETE FROM {dataset} WHERE {which}"
        ).format(table=self.table, columns=names(self.columns), turn=turn, dataset=self.dataset, which=which)
        driver_of(connection).execute(statement)


def next_turn(connection: Connection) -> int:
    """The number of a merge; asked for when its turn has come."""
    return int(connection.execute(NEXT).scalar_one())


def names(columns: Iterable[str]) -> sql.Composed:
    """Columns, quoted, with commas between them."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def of(table: str, columns: Iterable[str]) -> sql.Composed:
    """The same columns, of one table of the statement."""
    return sql.SQL(", ").join(sql.Identifier(table, column) for column in columns)


def same_key(left: str, right: str, key: Sequence[str], *, never_empty: Iterable[str] = ()) -> sql.Composed:
    """Whether two rows have one key; an empty cell is like an empty cell.

    Columns that are `never_empty` can be looked up in the index. Where there are none, the hash of the key lets
    the rows be hashed all the same: `IS NOT DISTINCT FROM` alone would compare each with each.
    """
    full = [column for column in key if column in set(never_empty)]
    parts = [sql.SQL("{} = {}").format(sql.Identifier(left, c), sql.Identifier(right, c)) for c in full]
    parts += [
        sql.SQL("{} IS NOT DISTINCT FROM {}").format(sql.Identifier(left, c), sql.Identifier(right, c))
        for c in key
        if c not in full
    ]
    if not full:
        parts.append(sql.SQL("hash_record(ROW({})) = hash_record(ROW({}))").format(of(left, key), of(right, key)))
    return sql.SQL(" AND ").join(parts)
