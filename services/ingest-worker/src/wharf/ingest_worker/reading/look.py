"""A look at a file's beginning: its columns with their types, its first rows, its first problems."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import orjson

from wharf.common.errors import Invalid, Problem
from wharf.common.profiles import ColumnType
from wharf.ingest_worker.reading import numbers, timestamps
from wharf.ingest_worker.reading.batches import read_batches
from wharf.ingest_worker.reading.cells import matching, trimmed
from wharf.ingest_worker.reading.columns import booleans
from wharf.ingest_worker.reading.mapping import named
from wharf.ingest_worker.reading.naturalkey import is_identifying, natural_key
from wharf.ingest_worker.reading.numbers import Mark
from wharf.ingest_worker.reading.parsing import parse
from wharf.ingest_worker.reading.plan import make_plan
from wharf.ingest_worker.reading.records import read_blocks
from wharf.ingest_worker.reading.source import Beginning, Bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from wharf.common.imports import ImportOptions
    from wharf.common.profiles import Profile
    from wharf.ingest_worker.reading.cells import Converted
    from wharf.ingest_worker.reading.dialect import Dialect

SAMPLES: Final = 5
"""Different values of a column that are shown."""
SHOWN: Final = 200
LOOKED_AT: Final = 1000
"""Columns whose types and samples are told: each costs a quarter of a millisecond."""
UNLIMITED: Final = 2**62
PROBLEMS: Final = 20
WRONG: Final = 0.05
"""Of a column's cells may be none of its type: they are its problems."""
LEADING_ZERO: Final = r"^\s*[-+]?0\d"
YEAR_AND_NUMBER: Final = r"^\d{4}-\d{3}$"
"""Invoices are numbered as days of a year are written: such a column is not called dates unasked."""


@dataclass(frozen=True, slots=True)
class ColumnLook:
    """One source column: its name, the type that nearly all its cells have, how many are empty, some of the others."""

    name: str
    type: str
    nulls: int
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What the sample shows. `end_line` is that on which the data ends, if it ends in the sample."""

    columns: tuple[ColumnLook, ...]
    rows: tuple[tuple[str, ...], ...]
    end_line: int
    comments: tuple[tuple[int, str], ...] = ()
    """Lines that are comments: their number and text."""
    key: tuple[int, ...] = ()
    """The places of the columns that tell the sample's rows apart, where some do."""


def look_at(sample: bytes, total_size: int, dialect: Dialect) -> Look:
    """Columns and rows of a file of `total_size` bytes that begins with `sample`."""
    source = Bytes(sample) if dialect.end is None else Beginning(Bytes(sample), dialect.end)
    width, line = len(dialect.header), dialect.data.line
    texts: list[pa.Array] = []
    comments: tuple[tuple[int, str], ...] = ()
    for block in read_blocks(source, dialect.syntax, dialect.data, block_bytes=max(len(sample), 1)):
        line = block.next.line
        if len(block) and not block.broken:
            texts, comments = list(parse(block, dialect.syntax, width).columns), block.comments
            break
    cut = len(sample) < total_size
    texts = [text[:-1] if cut and len(text) > 1 else text for text in texts]
    names = named(dialect.header)
    columns = tuple(
        _look(name, text) if i < LOOKED_AT else ColumnLook(name, ColumnType.TEXT, text.null_count, ())
        for i, (name, text) in enumerate(zip(names, texts, strict=False))
    )
    empty = tuple(ColumnLook(name, ColumnType.TEXT, 0, ()) for name in names)
    key = natural_key(names, [column.type for column in columns], texts[:LOOKED_AT])
    return Look(columns or empty, _rows(texts), line, comments, key)


def first_problems(
    sample: bytes,
    total_size: int,
    profile: Profile,
    dialect: Dialect,
    *,
    options: ImportOptions,
    mapping: Mapping[str, str | None] | None,
) -> list[Problem]:
    """What an import into that profile would say about the file's beginning."""
    try:
        plan = make_plan(sample, total_size, profile, options, mapping, dialect=dialect)
    except Invalid as refused:
        return list(refused.problems) or [Problem("file", refused.error_code, refused.message)]
    rejects = (row for batch in read_batches(Bytes(sample), plan, profile) for row in batch.rejects.to_pylist())
    seen = len(sample) if len(sample) < total_size else UNLIMITED
    found = [
        Problem(_place(row["line"], error["column"]), error["code"], error["message"])
        for row in rejects
        if row["byte_offset"] + len(row["raw"].encode()) < seen  # the last row may be cut off by the sample's end
        for error in orjson.loads(row["errors"])
    ]
    return [*plan.warnings, *islice(found, PROBLEMS)]


def _place(line: int, column: str | None) -> str:
    return f"line {line}, {column}" if column else f"line {line}"


def type_of(text: pa.Array, wrong: float = WRONG) -> ColumnType:
    """The narrowest type that nearly all cells of a column have; numbers with leading zeros are texts.

    `wrong`: the share of its cells that may be none of its type.
    """
    cells = trimmed(text)
    if cells.null_count == len(cells):
        return ColumnType.TEXT
    if _fits(booleans(cells), wrong) and not _fits(numbers.integers(cells, Mark.POINT), wrong):
        return ColumnType.BOOLEAN
    if not matching(cells, LEADING_ZERO).any():
        for mark in (Mark.POINT, Mark.COMMA):
            if _fits(numbers.integers(cells, mark), wrong):
                return ColumnType.INTEGER
            if _fits(numbers.decimals(cells, mark), wrong):
                return ColumnType.DECIMAL
    if matching(cells, YEAR_AND_NUMBER).any():
        return ColumnType.TEXT
    order = timestamps.order_of(timestamps.evidence(cells))
    return ColumnType.TIMESTAMP if _fits(timestamps.timestamps(cells, order), wrong) else ColumnType.TEXT


def _fits(found: Converted, wrong: float) -> bool:
    filled = len(found.values) - found.values.null_count
    faults = 0 if found.faults is None else int((found.faults != 0).sum())
    return bool(faults <= wrong * (filled + faults))


def _look(name: str, text: pa.Array) -> ColumnLook:
    """Of numbers by which things are called one with a letter (`C536379`) is no mistake: then all are texts."""
    values = trimmed(text).drop_null()
    samples = tuple(value[:SHOWN] for value in values.unique()[:SAMPLES].to_pylist())
    kind = type_of(text, 0.0 if is_identifying(name) else WRONG)
    return ColumnLook(name, kind, len(text) - len(values), samples)


def _rows(texts: Sequence[pa.Array]) -> tuple[tuple[str, ...], ...]:
    shown = ([(cell or "")[:SHOWN] for cell in text[:100].to_pylist()] for text in texts)
    return tuple(zip(*shown, strict=True))
