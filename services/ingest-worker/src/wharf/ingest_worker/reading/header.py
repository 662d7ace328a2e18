"""Which row is the header: the one near the top that names the most expected columns."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from wharf.common.errors import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wharf.ingest_worker.reading.delimiter import Sample

TOP: Final = 50
LONGEST: Final = 256
NOT_ALPHANUMERIC: Final = re.compile(r"[^a-z0-9]+")
SHOWN: Final = 200
NUMERIC: Final = re.compile(r"[\d\s.,:/+\-]*\d[\d\s.,:/+\-]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a sample: its first line, where its text begins and ends in the file."""

    line: int
    offset: int
    end: int
    text: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """The header's row; `fit` is the share of its cells that were expected."""

    row: Row
    fit: float


def normalised(header: str) -> str:
    """A header without what spellings differ in: case, accents, spaces and marks (`Invoice No` = `invoice_no`).

    Empty for a cell that is too long to be one.
    """
    return _normalised(header) if len(header) <= LONGEST else ""


@lru_cache(maxsize=16_384)
def _normalised(header: str) -> str:
    if header.isascii():
        return NOT_ALPHANUMERIC.sub("", header.lower())
    plain = unicodedata.normalize("NFKD", header.casefold())
    return "".join(c for c in plain if c.isalnum())


def unwrapped(header: str, patterns: Sequence[str]) -> str | None:
    """What is inside a header that one of a profile's patterns matches as a whole; None where none does."""
    short = header if len(header) <= LONGEST else ""  # a user's pattern gets nothing long to work on
    found = (match for pattern in patterns if (match := re.fullmatch(pattern, short)))
    return next((inner for match in found if (inner := (match[1] or "").strip())), None)


def fit(cells: Sequence[str], expected: frozenset[str]) -> float:
    """The share of the cells that are expected headers, each counted once."""
    return len(_matches(cells, expected)) / len(cells) if cells else 0.0


def find_header(
    rows: Sequence[Row], width: int, expected: frozenset[str], stated: int | None, required: Sequence[str] = ()
) -> Header:
    """The header among the rows; `stated` is its line as the user gave it.

    Raises `Invalid`: `bad_option` where no record begins on that line, `no_header`.
    """
    if stated is not None:
        return _stated(rows, stated, expected)
    if not expected:
        return _first_of_words(rows, width)
    best = max(rows[:TOP], key=lambda row: len(_matches(row.cells, expected)), default=None)
    if best is None or not _matches(best.cells, expected) or _is_data(best):
        raise _no_header(rows, required)
    return Header(best, fit(best.cells, expected))


def skipped_before(sample: Sample, header: Row) -> Iterator[tuple[int, str, str]]:
    """Every line before the header: (line, text, why)."""
    text = sample.data[sample.start.byte_offset : header.offset].decode(sample.codec, "replace")
    lines = re.split("\r\n|\r|\n", text)[:-1]
    for number, line in enumerate(lines, start=1):
        yield number, line[:SHOWN], "before_header" if line.strip() else "blank"


def _matches(cells: Sequence[str], expected: frozenset[str]) -> set[str]:
    return {normalised(cell) for cell in cells} & expected - {""}


def _stated(rows: Sequence[Row], line: int, expected: frozenset[str]) -> Header:
    row = next((row for row in rows if row.line == line), None)
    if row is None:
        lines = ", ".join(str(row.line) for row in rows[:10])
        message = f"options.header_row is {line}, but no row begins on that line. Rows begin on the lines {lines}, ..."
        raise Invalid(message, code="bad_option", problems=(Problem("options.header_row", "bad_option", message),))
    return Header(row, fit(row.cells, expected))


def _first_of_words(rows: Sequence[Row], width: int) -> Header:
    """Where nothing is expected: the first row of the usual width whose cells are no numbers."""
    row = next((row for row in rows[:TOP] if len(row.cells) == width and not _is_data(row)), None)
    if row is None:
        raise _no_header(rows, ())
    return Header(row, 1.0)


def _is_data(row: Row) -> bool:
    """Half of its cells or more are numbers or dates."""
    filled = [cell for cell in row.cells if cell.strip()]
    return not filled or 2 * sum(bool(NUMERIC.fullmatch(cell)) for cell in filled) >= len(filled)


def _no_header(rows: Sequence[Row], required: Sequence[str]) -> Invalid:
    found = [cell[:SHOWN] for cell in (rows[0].cells if rows else ())][:50]
    needs = f"the required columns {', '.join(required)}" if required else "the columns"
    message = (
        f"No row looks like a header with {needs}. The first row is: {', '.join(found)}. "
        "Add a header row, or say which line it is (options.header_row) and what its columns are (mapping)."
    )
    problems = tuple(Problem(name, "missing_column", f"The column {name} was not found.") for name in required)
    return Invalid(message, code="no_header", detail={"required": list(required), "found": found}, problems=problems)
