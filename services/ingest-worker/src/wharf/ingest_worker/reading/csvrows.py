"""The cells of single records by Python's `csv`: exact and slow, for samples and for rows with something wrong."""

from __future__ import annotations

import csv
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wharf.ingest_worker.reading.splitter import Syntax

STAND_INS: Final = "\x1f\x1e\x1d\x1c\x02\x03\x04\x05\x06\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19"
"""Characters that may take the place of a delimiter of several characters, where the text has none of them."""
MOST_OPENINGS: Final = 64
"""Of quoted fields in one row, among which a stray quote is looked for."""


def rows_of(records: Iterable[str], syntax: Syntax) -> Iterator[list[str]]:
    """The cells of each record, as every path of the reader sees them."""
    return (cells_of(record, syntax) for record in records)


def cells_of(record: str, syntax: Syntax, *, strict: bool = False) -> list[str]:
    """One record's cells: the record itself where `csv` cannot tell them.

    `strict`: raises `csv.Error` where a quoted cell does not end with its quote.
    """
    mark = syntax.delimiter if len(syntax.delimiter) == 1 else stand_in(record, syntax.delimiter)
    text = record if mark == syntax.delimiter else record.replace(syntax.delimiter, mark)
    try:
        row = next(csv.reader([text], _dialect(mark, syntax.quote, syntax.escape, strict)), [])
    except csv.Error:
        if strict:
            raise
        return [record]
    cells = row if mark == syntax.delimiter else [cell.replace(mark, syntax.delimiter) for cell in row]
    return [cell.replace(syntax.newline_mark, "\n") for cell in cells] if syntax.newline_mark else cells


@lru_cache(maxsize=256)
def _dialect(mark: str, quote: str, escape: str, strict: bool) -> csv.Dialect:  # noqa: FBT001 - as `csv` calls it
    csv.field_size_limit(2**31 - 1)
    marks = {
        "delimiter": mark,
        "quotechar": quote or None,
        "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        "escapechar": escape or None,
        "doublequote": True,
        "strict": strict,
        "lineterminator": "\n",
    }
    made: csv.Dialect = type("Written", (csv.Dialect,), marks)()
    return made


def stand_in(text: str | bytes, delimiter: str) -> str:
    """A character that the text does not have; the last of them where it has all."""
    if len(delimiter) == 1:
        return delimiter
    present = set(text) if isinstance(text, str) else set(text.decode("latin-1"))
    return next((mark for mark in STAND_INS if mark not in present), STAND_INS[-1])


def mended(record: str, syntax: Syntax, width: int) -> list[str] | None:
    """The cells of a record in which one quote stands where a cell begins, and encloses nothing.

    That quote is read as a part of its cell. None where no single quote explains the record, or more than one does.
    """
    quote, delimiter = syntax.quote, syntax.delimiter
    if not quote or _is_sound(record, syntax):
        return None
    places = islice(_openings(record, quote, delimiter), MOST_OPENINGS)
    found = [cells for at in places if (cells := _with_literal(record, at, syntax, width))]
    distinct = {tuple(cells) for cells in found}
    return found[0] if len(distinct) == 1 else None


def _is_sound(record: str, syntax: Syntax) -> bool:
    try:
        cells_of(record, syntax, strict=True)
    except csv.Error:
        return False
    return True


def _openings(record: str, quote: str, delimiter: str) -> Iterator[int]:
    """Where a quote stands at the beginning of a cell."""
    at = record.find(quote)
    while at >= 0:
        if at == 0 or record.startswith(delimiter, max(at - len(delimiter), 0), at):
            yield at
        at = record.find(quote, at + 1)


def _with_literal(record: str, at: int, syntax: Syntax, width: int) -> list[str] | None:
    """The cells if the quote at that place is data; None unless they are as many as they should be, and sound."""
    quote = syntax.quote
    before, rest = record[:at], record[at + 1 :]
    if rest.startswith(quote):  # the cell has quotes of its own behind the stray one
        text = f"{before}{quote * 3}{rest[1:]}"
    else:
        cell, delimiter, after = rest.partition(syntax.delimiter)
        text = f"{before}{quote * 3}{cell.replace(quote, quote * 2)}{quote}{delimiter}{after}"
    try:
        cells = cells_of(text, syntax, strict=True)
    except csv.Error:
        return None
    return cells if len(cells) == width else None
