"""Which row is the header by what is known of it: the one near the top that names the most expected columns."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from wharf.common.errors import Invalid, Problem
from wharf.common.profiles.patterns import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wharf.ingest_worker.reading.delimiter import Sample

TOP: Final = 50
LONGEST: Final = 256
NOT_ALPHANUMERIC: Final = re.compile(r"[^a-z0-9]+")
SHOWN: Final = 200
PLACE: Final = re.compile(r"column\d{1,5}")
"""A column of a file without a header is called by its place."""
NUMERIC: Final = re.compile(r"[\d\s.,:/+\-]*\d[\d\s.,:/+\-]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a sample: its first line, where its text begins and ends in the file."""

    line: int
    offset: int
    end: int
    text: str
    cells: tuple[str, ...]
    broken: bool = False
    """Only its first line: a quote in it is never closed."""


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
    short = header if len(header) <= LONGEST else ""
    found = (match for pattern in patterns if (match := compiled(pattern).fullmatch(short)))
    return next((inner for match in found if (inner := (match[1] or "").strip())), None)


def fit(cells: Sequence[str], expected: frozenset[str]) -> float:
    """The share of the cells that are expected headers, each counted once."""
    return len(_matches(cells, expected)) / len(cells) if cells else 0.0


def find_header(
    rows: Sequence[Row], expected: frozenset[str], stated: int | None, required: Sequence[str] = ()
) -> int | None:
    """The index of the header among the rows by what is known; None where nothing is, and the rows must tell.

    `stated` is its line as the user gave it. Raises `Invalid`: `bad_option` where no record begins on that line,
    `no_header` where names are expected and none is there.
    """
    if stated is not None:
        return _stated(rows, stated)
    if not expected or any(PLACE.fullmatch(name) for name in expected):
        return None
    best = max(range(min(TOP, len(rows))), key=lambda i: len(_matches(rows[i].cells, expected)), default=None)
    if best is None or not _matches(rows[best].cells, expected) or _is_data(rows[best]):
        raise _no_header(rows, required)
    return best


def skipped_before(sample: Sample, offset: int) -> Iterator[tuple[int, str, str]]:
    """Every line before the header (or the data, where there is none): (line, text, why)."""
    text = sample.data[sample.start.byte_offset : offset].decode(sample.codec, "replace")
    lines = re.split("\r\n|\r|\n", text)[:-1]
    for number, line in enumerate(lines, start=1):
        yield number, line[:SHOWN], "before_header" if line.strip() else "blank"


def _matches(cells: Sequence[str], expected: frozenset[str]) -> set[str]:
    return {normalised(cell) for cell in cells} & expected - {""}


def _stated(rows: Sequence[Row], line: int) -> int:
    found = next((i for i, row in enumerate(rows) if row.line == line), None)
    if found is None:
        lines = ", ".join(str(row.line) for row in rows[:10])
        message = f"options.header_row is {line}, but no row begins on that line. Rows begin on the lines {lines}, ..."
        raise Invalid(message, code="bad_option", problems=(Problem("options.header_row", "bad_option", message),))
    return found


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
