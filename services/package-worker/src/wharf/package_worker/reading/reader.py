"""A section's rows: copied once into a file beside the worker, then read by each format without holding them all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from pyarrow import csv

from wharf.common.packages import TIMES, WIDEST, Format, ReportColumn, Section
from wharf.package_worker.content import Batches, Filled

BLOCK = 2**19
"""Bytes of the file that Arrow parses at once; more where a row is longer."""
STAMP = pa.timestamp("us", "UTC")
EXACT = pa.decimal128(38, 6)
ARROW = {
    Format.TEXT: pa.string(),
    Format.INTEGER: pa.int64(),
    Format.DECIMAL: EXACT,
    Format.MONEY: EXACT,
    Format.BOOLEAN: pa.bool_(),
    Format.DATE: pa.int64(),
    Format.TIMESTAMP: pa.int64(),
    Format.MONTH: pa.int64(),
}


@dataclass(frozen=True, slots=True)
class SectionReader:
    """Reads sections inside one transaction; what it read is hashed, and kept in `folder`."""

    connection: psycopg.Connection[Any]
    folder: Path
    step: Callable[[int], None]
    """Told the rows copied so far, now and then; may raise to stop."""

    def fill(self, section: Section, queries: list[sql.Composed], digest: hashlib._Hash) -> Filled:
        """Copy a section's rows, whose columns several queries give; the digest takes in all of them."""
        parts: list[Batches] = []
        rows = 0
        for at, query in enumerate(queries):
            path = self.folder / f"{section.name}.{at}.csv"
            rows, longest = self._copy(query, path, digest)
            columns = section.columns[at * WIDEST : (at + 1) * WIDEST]
            parts.append(partial(_batches, path, columns, max(BLOCK, 2 * longest)))
        batches = partial(_side_by_side, parts) if rows else _nothing
        totals = _totals(section, batches) if rows else {}
        return Filled(section, rows, batches, totals)

    def _copy(self, query: sql.Composed, path: Path, digest: hashlib._Hash) -> tuple[int, int]:
        """Give the number of rows and the bytes of the longest."""
        longest = 0
        command = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
        with self.connection.cursor() as cursor, path.open("wb") as file:
            with cursor.copy(command) as copy:
                for count, data in enumerate(copy):
                    file.write(data)
                    digest.update(data)
                    longest = max(longest, len(data))
                    if count % 1000 == 0:
                        self.step(count)
            return max(cursor.rowcount, 0), longest


def _side_by_side(parts: list[Batches]) -> Iterator[pa.RecordBatch]:
    """The batches of all parts as one; each part has the same rows, cut where its file happens to be."""
    readers = [part() for part in parts]
    heads = [next(reader) for reader in readers]
    while all(heads):
        rows = min(map(len, heads))
        columns = [column for head in heads for column in head.slice(0, rows).columns]
        yield pa.RecordBatch.from_arrays(columns, names=[name for head in heads for name in head.schema.names])
        rests = [(reader, head.slice(rows)) for reader, head in zip(readers, heads, strict=True)]
        heads = [rest if len(rest) else next(reader, None) for reader, rest in rests]


def _batches(path: Path, columns: tuple[ReportColumn, ...], block: int) -> Iterator[pa.RecordBatch]:
    kinds = {column.name: ARROW[column.format] for column in columns}
    reader = csv.open_csv(
        path,
        read_options=csv.ReadOptions(use_threads=False, block_size=block, column_names=list(kinds)),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=kinds,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    with reader:
        for batch in reader:
            if len(batch):
                yield _timed(batch, columns)


def _timed(batch: pa.RecordBatch, shown: tuple[ReportColumn, ...]) -> pa.RecordBatch:
    """With the times, which come as microseconds."""
    columns = [
        values.cast(STAMP) if column.format in TIMES else values
        for values, column in zip(batch.columns, shown, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _nothing() -> Iterator[pa.RecordBatch]:
    return iter(())


def _totals(section: Section, batches: Batches) -> dict[str, Decimal | int]:
    summed: list[ReportColumn] = [column for column in section.columns if column.total]
    if not summed:
        return {}
    totals: dict[str, Decimal | int] = {column.name: 0 for column in summed}
    for batch in batches():
        for column in summed:
            totals[column.name] += pc.sum(batch.column(column.name)).as_py() or 0
    return totals
