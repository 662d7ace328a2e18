"""The step between loading and merging: rows that fail a check across rows are set aside like all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from psycopg import sql
from pyarrow import csv
from sqlalchemy.exc import DataError

from wharf.common.errors import Invalid
from wharf.common.ledger.database import driver_of
from wharf.common.profiles.checks import Severity
from wharf.ingest_worker.loading import LOADED_PERCENT
from wharf.ingest_worker.merge import Merge
from wharf.ingest_worker.reading.again import read_again
from wharf.ingest_worker.reading.findings import SHOWN_LINES, Finding, added
from wharf.ingest_worker.reading.jsontext import json_array
from wharf.ingest_worker.reading.rejects import error_column
from wharf.ingest_worker.rowchecks import Questions
from wharf.ingest_worker.unpacking import open_again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from wharf.ingest_worker.checkpoint import Checkpoint
    from wharf.ingest_worker.loading import Loading
    from wharf.ingest_worker.rowchecks import Asked

READ = csv.ConvertOptions(
    column_types={"check": pa.int32(), "line": pa.int64(), "value": pa.string()},
    strings_can_be_null=True,
    quoted_strings_can_be_null=False,
)


def check_across_rows(loading: Loading) -> None:
    """Set aside the staged rows that fail, and keep what was found in the checkpoint. Again, it finds the rest."""
    if not (loading.profile.checks or loading.profile.across_rows):
        return
    context, read = loading.context, loading.checkpoint.read
    context.report(read, read, stage="check", message="Checking across rows", percent=LOADED_PERCENT)
    with context.transaction() as connection:
        asked = _questions(connection, loading).all()
        failed = _Failed(asked, _ask(connection, loading, asked))
        _set_aside(connection, loading, failed)
        loading.keep(connection, _checked(connection, loading, failed))


def fails_by_dataset(connection: Connection, loading: Loading) -> bool:
    """Whether the dataset has, by now, a value that a staged row must be the first to have."""
    asked = [one for one in _questions(connection, loading).all() if one.by_dataset and one.severity is Severity.ERROR]
    return bool(asked) and _ask(connection, loading, asked).num_rows > 0


def _questions(connection: Connection, loading: Loading) -> Questions:
    merge = Merge.planned(loading.staging, loading.project_id, brought=loading.brought, gaps=loading.checkpoint.gaps)
    return Questions.of(connection, merge, loading.mode)


@dataclass(frozen=True)
class _Failed:
    """What failed: one row for each check and line (`check`, `line`, `value`)."""

    asked: Sequence[Asked]
    table: pa.Table

    def rows_of(self, nth: int) -> pa.Table:
        return self.table.filter(pa.compute.equal(self.table["check"], nth))

    @property
    def rejected(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The lines of the rows that are to be set aside, sorted."""
        errors = [nth for nth, one in enumerate(self.asked) if one.severity is Severity.ERROR]
        lines = self.table.filter(pa.compute.is_in(self.table["check"], pa.array(errors, pa.int32())))["line"]
        return np.unique(lines.to_numpy())

    def errors(self, lines: Any) -> pa.Array:  # noqa: ANN401 - a numpy array
        """For each of these lines the JSON list of its errors."""
        columns = []
        for nth, one in enumerate(self.asked):
            if one.severity is Severity.ERROR:
                own = self.rows_of(nth)
                at = pa.compute.index_in(pa.array(lines), own["line"].combine_chunks())
                values = own["value"].combine_chunks().take(at)
                columns.append(error_column(one.column, (one.code, one.message), values, where=at.is_valid()))
        return json_array(columns)

    def findings(self) -> list[Finding]:
        """Counted by check."""
        found = []
        for nth, one in enumerate(self.asked):
            lines = np.sort(self.rows_of(nth)["line"].to_numpy())
            if lines.size:
                first = tuple(lines[:SHOWN_LINES].tolist())
                found.append(Finding(one.column, one.code, one.severity, one.message, int(lines.size), first))
        return found


def _ask(connection: Connection, loading: Loading, asked: Sequence[Asked]) -> pa.Table:
    """All checks in one statement, their answers by COPY into columns."""
    merge = _questions(connection, loading).merge
    parts = [sql.SQL("SELECT {}, q.* FROM ({}) q").format(nth, one.failing) for nth, one in enumerate(asked)]
    query = sql.SQL("COPY (WITH staged AS MATERIALIZED ({rows}) {parts}) TO STDOUT (FORMAT csv)").format(
        rows=merge.rows(), parts=sql.SQL(" UNION ALL ").join(parts)
    )
    try:
        with driver_of(connection).cursor().copy(query) as copy:
            data = b"".join(bytes(piece) for piece in copy)
    except DataError as error:
        raise _not_computable() from error
    if not data:
        return pa.table(
            {"check": pa.array([], pa.int32()), "line": pa.array([], pa.int64()), "value": pa.array([], pa.string())}
        )
    read = csv.ReadOptions(column_names=["check", "line", "value"])
    return csv.read_csv(pa.BufferReader(data), read, csv.ParseOptions(newlines_in_values=True), READ)


def _set_aside(connection: Connection, loading: Loading, failed: _Failed) -> None:
    lines = failed.rejected
    if not lines.size:
        return
    opened = open_again(loading.file, loading.context.payload.options, loading.plan.dialect)
    for found in read_again(opened.text, loading.plan, lines):
        loading.context.check()
        rejects = found.append_column("errors", failed.errors(found["line"].to_numpy()))
        loading.staging.add_rejects(connection, rejects)
        loading.staging.set_aside(connection, rejects)


def _checked(connection: Connection, loading: Loading, failed: _Failed) -> Checkpoint:
    """The checkpoint with what was found; a row that was set aside is only a place now."""
    before, count = loading.checkpoint, int(failed.rejected.size)
    errors = [one for one in failed.findings() if one.severity is Severity.ERROR]
    warnings = [one for one in failed.findings() if one.severity is Severity.WARNING]
    known = [one for one in before.across if one.severity is Severity.ERROR]
    changes: dict[str, Any] = {
        "staged": before.staged - count,
        "places": before.places + count,
        "rejected": before.rejected + count,
        "across": (*added(known, errors), *warnings),
    }
    if count and loading.profile.period_column:
        changes["period"] = loading.staging.period(connection, loading.profile.period_column)
    return before.model_copy(update=changes)


def _not_computable() -> Invalid:
    message = "A check of the profile cannot be computed for these rows: a number became too large. Change the check."
    return Invalid(message, code="check_not_computable")
