"""Checks that no row alone can tell, as queries over staged rows: each gives the lines that fail, with the value.

They see rows as they will be merged: numbered, and with what is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql
from sqlalchemy import Connection, select

from wharf.common.ledger.models import Dataset
from wharf.common.profiles.checks import Exists, Reference, Severity, Unique
from wharf.common.profiles.expressions import condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharf.common.profiles import Column
    from wharf.common.profiles.checks import AcrossRows
    from wharf.common.profiles.schema import RowCheck
    from wharf.ingest_worker.merge import Merge

SHOWN_VALUE = 200
FEW = 10_000
"""Staged rows: no more than these are looked up one by one, where an index has the values."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One check as a query of `_line` and `value` (text) over a table `staged`."""

    column: str | None
    code: str
    severity: Severity
    message: str
    failing: sql.Composable
    by_dataset: bool = False
    """Whether what is in the dataset decides: then another import may change the answer."""


@dataclass(frozen=True)
class Questions:
    """All checks across rows of one import."""

    merge: Merge
    mode: str
    staged: int
    """How many rows are asked about."""
    datasets: frozenset[tuple[str, str]]
    """(dataset, column) of the tenant's tables that are there."""
    keyed: frozenset[tuple[str, str]]
    """Those of them by which the dataset's index finds a project's rows: the first column of its key."""

    @classmethod
    def of(cls, connection: Connection, merge: Merge, mode: str, staged: int) -> Questions:
        """For a merge in that mode of so many rows."""
        rows = connection.execute(select(Dataset.profile, Dataset.definition)).all()
        columns = frozenset((r.profile, c["name"]) for r in rows for c in r.definition["columns"])
        keyed = frozenset((r.profile, key[0]) for r in rows if (key := r.definition.get("key")))
        return cls(merge, mode, staged, columns, keyed)

    def all(self) -> list[Asked]:
        """Those of the columns that the rows have a value in, then those of whole rows."""
        profile = self.merge.profile
        return [*(self._column(c, check) for c, check in profile.across_rows), *map(self._row, profile.checks)]

    def _row(self, check: RowCheck) -> Asked:
        true = condition(check.expression, self.merge.profile.column_types)
        failing = sql.SQL("SELECT _line, NULL::text FROM staged WHERE NOT ({})").format(true)
        return Asked(None, check.name, check.severity, check.sentence, failing)

    def _column(self, column: Column, check: AcrossRows) -> Asked:
        match check:
            case Unique():
                failing = self._repeated(column.name, in_dataset=check.within == "dataset")
            case Exists():
                failing = self._absent(column.name, self.merge.profile.name, column.name)
            case Reference():
                failing = self._absent(column.name, check.profile, check.column)
        by_dataset = isinstance(check, Unique) and check.within == "dataset"
        return Asked(column.name, check.code, check.severity, check.sentence, failing, by_dataset)

    def _absent(self, column: str, dataset: str, target: str) -> sql.Composable:
        """Values that are nowhere in a column of a dataset; where there is no such table that is all of them."""
        own = sql.Identifier(column)
        query = sql.SQL("SELECT _line, left({own}::text, {shown}) FROM staged WHERE {own} IS NOT NULL").format(
            own=own, shown=SHOWN_VALUE
        )
        if (dataset, target) not in self.datasets:
            return query
        known = sql.SQL(
            " AND NOT EXISTS"
            " (SELECT FROM {table} d WHERE d.project_id = {project} AND d.{target} = staged.{own} {each})"
        ).format(
            table=self.merge.table_of(dataset),
            project=self.merge.project_id,
            target=sql.Identifier(target),
            own=own,
            # What has an OFFSET is asked for each row, by the index; all else is joined.
            each=sql.SQL("OFFSET 0" if self.staged <= FEW and (dataset, target) in self.keyed else ""),
        )
        return query + known

    def _repeated(self, column: str, *, in_dataset: bool) -> sql.Composable:
        """Rows whose value an earlier row with another key has, in the file or in the dataset."""
        own, key = sql.Identifier(column), self.merge.profile.key
        row = sql.SQL("ROW({})").format(_listed(key or ("_line",)))
        same = sql.SQL("first_value({0}) OVER same IS DISTINCT FROM {0}").format(row)
        query = sql.SQL(
            "SELECT _line, left({own}::text, {shown}) FROM (SELECT *, {same} AS repeats FROM staged"
            " WHERE {own} IS NOT NULL WINDOW same AS (PARTITION BY {own} ORDER BY _line)) staged WHERE repeats"
        ).format(own=own, shown=SHOWN_VALUE, same=same)
        is_there = (self.merge.profile.name, column) in self.datasets and self.mode != "replace"
        return query + self._taken(own, key) if in_dataset and is_there else query

    def _taken(self, own: sql.Identifier, key: Sequence[str]) -> sql.Composable:
        """Without a key every row of the dataset is another one.

        A query of its own: as an alternative (`OR EXISTS`) it would be asked for each row, and could not be joined.
        """
        theirs, ours = (sql.SQL(", ").join(sql.Identifier(of, name) for name in key) for of in ("d", "staged"))
        other = sql.SQL(" AND ROW({}) IS DISTINCT FROM ROW({})").format(theirs, ours) if key else sql.SQL("")
        return sql.SQL(
            " UNION SELECT _line, left({own}::text, {shown}) FROM staged WHERE EXISTS"
            " (SELECT FROM {table} d WHERE d.project_id = {project} AND d.{own} = staged.{own}{other})"
        ).format(table=self.merge.dataset, project=self.merge.project_id, own=own, other=other, shown=SHOWN_VALUE)


def _listed(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
