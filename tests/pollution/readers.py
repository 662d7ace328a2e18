"""What a reader makes of a file: ours, DuckDB's sniffer, CleverCSV."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import clevercsv
import duckdb

from tests.pollution.scorer import Found
from wharf.common.errors import Invalid
from wharf.common.imports import ImportOptions
from wharf.common.profiles import Column, Profile
from wharf.ingest_worker.reading import Bytes, Plan, detect, named, read_batches
from wharf.ingest_worker.reading.mapping import ColumnMapping, Match


def wharf_reader(data: bytes) -> Found | None:
    """Nothing is told: neither the dialect nor the names. An empty file is an empty table, and is said to be."""
    try:
        dialect = detect(data, len(data), ImportOptions(), frozenset())
    except Invalid as refused:
        return Found([], []) if refused.error_code == "empty_file" else None
    names = [f"c{i}" for i in range(len(dialect.header))]
    profile = Profile(name="any", title="Any", columns=tuple(Column(name=name) for name in names))
    matches = (Match(name, i, names[i]) for i, name in enumerate(named(dialect.header)))
    plan = Plan(dialect, ColumnMapping(tuple(matches)), {})
    rows = [
        ["" if cell is None else cell for cell in row.values()]
        for batch in read_batches(Bytes(data), plan, profile)
        for row in batch.rows.select(names).to_pylist()
    ]
    return Found(dialect.header if dialect.header_rows else [], rows)


def duckdb_reader(data: bytes) -> Found | None:
    """`read_csv` with its sniffer, every cell as text, what it cannot read left out."""
    with _file(data) as path:
        try:
            found = duckdb.read_csv(path, all_varchar=True, ignore_errors=True)
            return Found(found.columns, [["" if c is None else c for c in row] for row in found.fetchall()])
        except duckdb.Error:
            return Found([], []) if not data else None


def clevercsv_reader(data: bytes) -> Found | None:
    """Its detection, and its reader with what was detected; the first row is the header."""
    with _file(data) as path:
        try:
            rows = clevercsv.read_table(path)
        except Exception:  # noqa: BLE001 - whatever it raises, the file was not read
            return Found([], []) if not data else None
    return Found(rows[0] if rows else [], rows[1:])


class _file:  # noqa: N801 - used like a function
    def __init__(self, data: bytes) -> None:
        handle, name = tempfile.mkstemp(suffix=".csv")
        os.write(handle, data)
        os.close(handle)
        self._path = Path(name)

    def __enter__(self) -> str:
        return str(self._path)

    def __exit__(self, *_: object) -> None:
        self._path.unlink()
