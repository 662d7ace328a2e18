"""Parsers: a CSV becomes typed columns, a piece at a time where the library can; which rows are wrong, and where?

Each function gives the rows that were read as good, the wrong ones that the library told of, and what it told of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NUMBERS = ("quantity", "unit_price", "total")
MOMENT = "date"
PIECE_ROWS = 100_000
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Read:
    """What became of a file. `told`: what is known of a wrong row."""

    good: int
    wrong: int
    told: str


def wharf(path: Path) -> Read:
    """Our own reader over pyarrow: detection, mapping, types and checks, as every import has them."""
    from wharf.common.imports import ImportOptions
    from wharf.common.profiles import builtin_profile
    from wharf.ingest_worker.reading import SAMPLE_BYTES, make_plan, read_batches, restrain_arrow

    restrain_arrow()
    with path.open("rb") as file:
        source = Source(file, path.stat().st_size)
        profile = builtin_profile("transactions")
        plan = make_plan(source.read(0, SAMPLE_BYTES), source.size, profile, ImportOptions())
        good = wrong = 0
        for batch in read_batches(source, plan, profile):
            good, wrong = good + batch.rows.num_rows, wrong + batch.rejects.num_rows
    return Read(good, wrong, "line, byte, column, reason, text")


class Source:
    """A file, as the reader takes it."""

    def __init__(self, file: Any, size: int) -> None:  # noqa: ANN401 - a binary file
        self._file, self.size = file, size

    def read(self, start: int, length: int) -> bytes:
        """The bytes from `start`."""
        self._file.seek(start)
        data: bytes = self._file.read(length)
        return data


def pandas(path: Path) -> Read:
    """Its C parser in chunks, as text; then its conversions, which make NaN of what is wrong."""
    import pandas as pd

    good = wrong = 0
    for piece in pd.read_csv(path, dtype="str", chunksize=PIECE_ROWS, on_bad_lines="warn"):
        bad = piece[MOMENT].isna() & piece[MOMENT].notna()  # nothing yet
        for name in NUMBERS:
            bad |= pd.to_numeric(piece[name], errors="coerce").isna() & piece[name].notna()
        bad |= pd.to_datetime(piece[MOMENT], errors="coerce", format="ISO8601").isna() & piece[MOMENT].notna()
        good, wrong = good + int((~bad).sum()), wrong + int(bad.sum())
    return Read(good, wrong, "place among the rows")


def pyarrow(path: Path) -> Read:
    """Its streaming reader with types: it ends at the first wrong cell."""
    import pyarrow as pa
    from pyarrow import csv

    types = dict.fromkeys(NUMBERS, pa.decimal128(18, 4)) | {MOMENT: pa.timestamp("us"), "quantity": pa.int64()}
    good = 0
    try:
        reader = csv.open_csv(path, convert_options=csv.ConvertOptions(column_types=types))
        for batch in reader:
            good += batch.num_rows
    except pa.ArrowInvalid:
        return Read(good, 1, "the first one ends it")
    return Read(good, 0, NOTHING)


def duckdb(path: Path) -> Read:
    """Typed, with a table of what it could not read; on two threads."""
    import duckdb

    types = {"date": "TIMESTAMP", "quantity": "BIGINT", "unit_price": "DECIMAL(18,4)", "total": "DECIMAL(18,4)"}
    with duckdb.connect(config={"threads": 2}) as connection:
        query = "SELECT * FROM read_csv($path, types = $types, store_rejects = true, rejects_limit = 0)"
        batches: Any = connection.execute(query, {"path": str(path), "types": types}).to_arrow_reader(PIECE_ROWS)
        good = sum(batch.num_rows for batch in batches)
        found = connection.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchone()
    return Read(good, found[0] if found else 0, "line, byte, column, message")


def polars(path: Path) -> Read:
    """Its reader as text; then its conversions, which make null of what is wrong; on two threads, all in memory."""
    import polars as pl

    frame = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True)
    texts = {name: pl.col(name) for name in (*NUMBERS, MOMENT)}
    typed = {name: texts[name].cast(pl.Decimal(18, 4), strict=False) for name in NUMBERS}
    typed[MOMENT] = texts[MOMENT].str.to_datetime(strict=False)
    bad = pl.any_horizontal(*(typed[name].is_null() & texts[name].is_not_null() for name in typed))
    frame = frame.with_columns(bad.alias("bad"), *(typed[name].alias(f"{name}_typed") for name in typed))
    wrong = int(frame["bad"].sum())
    return Read(frame.height - wrong, wrong, "place among the rows")


PARSERS: dict[str, Callable[[Path], Read]] = {
    "Wharf's reader (pyarrow)": wharf,
    "pyarrow, typed": pyarrow,
    "DuckDB, store_rejects": duckdb,
    "polars": polars,
    "pandas, C parser": pandas,
}
