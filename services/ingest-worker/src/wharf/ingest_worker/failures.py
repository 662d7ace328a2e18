"""What failed the checks across rows: asked of the database by columns, and told by row and by check."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from psycopg.errors import DataError
from pyarrow import csv

from wharf.common.errors import Invalid
from wharf.common.ledger.database import driver_of
from wharf.common.ledger.planner import joined
from wharf.common.profiles.checks import Severity
from wharf.ingest_worker.reading.findings import SHOWN_LINES, Finding
from wharf.ingest_worker.reading.jsontext import json_array
from wharf.ingest_worker.reading.rejects import error_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from wharf.ingest_worker.rowchecks import Asked

    Lines = NDArray[np.int64]

COLUMNS: Final = {"check": pa.int32(), "line": pa.int64(), "value": pa.string()}
READ: Final = csv.ConvertOptions(column_types=COLUMNS, strings_can_be_null=True, quoted_strings_can_be_null=False)


@dataclass(frozen=True)
class Failures:
    """The rows that fail a check of the severity `error`: for each check its lines, sorted, and their values."""

    asked: Sequence[Asked]
    by_check: Sequence[tuple[Lines, pa.Array]]

    @classmethod
    def of(cls, connection: Connection, rows: sql.Composable, asked: Sequence[Asked], most: int) -> Failures:
        """Ask all checks of these rows in one statement; of more failures than `most` not all are told."""
        if not asked:
            return cls((), ())
        parts = [sql.SQL("SELECT {}, q.* FROM ({}) q").format(nth, one.failing) for nth, one in enumerate(asked)]
        query = sql.SQL("COPY (WITH staged AS MATERIALIZED ({}) {} LIMIT {}) TO STDOUT (FORMAT csv)")
        with joined(connection):
            found = _table(_copied(connection, query.format(rows, sql.SQL(" UNION ALL ").join(parts), most)))
        tables = [found.filter(pc.equal(found["check"], nth)).sort_by("line") for nth in range(len(asked))]
        return cls(asked, [(t["line"].to_numpy(), t["value"].combine_chunks()) for t in tables])

    @cached_property
    def lines(self) -> Lines:
        """Of all rows that fail, sorted."""
        return np.unique(np.concatenate([lines for lines, _ in self.by_check] or [np.empty(0, np.int64)]))

    def errors(self, lines: Lines) -> pa.Array:
        """For each of these lines the JSON list of its errors."""
        return json_array([self._errors(one, *found, lines) for one, found in self._pairs()])

    def findings(self) -> list[Finding]:
        """Counted by check."""
        return [
            _finding(one, lines.size, lines[:SHOWN_LINES].tolist()) for one, (lines, _) in self._pairs() if lines.size
        ]

    def _pairs(self) -> Iterator[tuple[Asked, tuple[Lines, pa.Array]]]:
        return zip(self.asked, self.by_check, strict=True)

    @staticmethod
    def _errors(one: Asked, failing: Lines, values: pa.Array, lines: Lines) -> pa.Array:
        fails = np.isin(lines, failing)
        places = pa.array(np.searchsorted(failing, lines), mask=~fails)
        return error_column(one.column, (one.code, one.message), values.take(places), where=pa.array(fails))


def warnings(connection: Connection, rows: sql.Composable, asked: Sequence[Asked]) -> list[Finding]:
    """What only warns, counted by the database: however many rows it is, a few lines of each check are told."""
    with joined(connection):
        return [found for one in asked if (found := _warned(connection, rows, one)).count]


def _warned(connection: Connection, rows: sql.Composable, one: Asked) -> Finding:
    query = sql.SQL(
        "WITH staged AS ({rows}), failed (line, value) AS MATERIALIZED ({failing})"
        " SELECT (SELECT count(*) FROM failed), ARRAY(SELECT line FROM failed ORDER BY line LIMIT {shown})"
    ).format(rows=rows, failing=one.failing, shown=SHOWN_LINES)
    try:
        count, lines = driver_of(connection).execute(query).fetchone() or (0, [])
    except DataError as error:
        raise _not_computable() from error
    return _finding(one, count, lines)


def _finding(one: Asked, count: int, lines: Iterable[int]) -> Finding:
    return Finding(one.column, one.code, one.severity, one.message, int(count), tuple(lines))


def _copied(connection: Connection, query: sql.Composed) -> bytes:
    try:
        with driver_of(connection).cursor().copy(query) as copy:
            return b"".join(bytes(piece) for piece in copy)
    except DataError as error:
        raise _not_computable() from error


def _table(data: bytes) -> pa.Table:
    if not data:
        return pa.schema(list(COLUMNS.items())).empty_table()
    read = csv.ReadOptions(column_names=list(COLUMNS))
    return csv.read_csv(pa.BufferReader(data), read, csv.ParseOptions(newlines_in_values=True), READ)


def split(asked: Iterable[Asked]) -> tuple[list[Asked], list[Asked]]:
    """Those that reject, and those that warn."""
    every = list(asked)
    return [a for a in every if a.severity is Severity.ERROR], [a for a in every if a.severity is Severity.WARNING]


def _not_computable() -> Invalid:
    message = "A check of the profile cannot be computed for these rows: a number became too large. Change the check."
    return Invalid(message, code="check_not_computable")
