"""The table in a sample: its names, where its data begins and ends, and every line around it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wharf.ingest_worker.reading.csvrows import mended
from wharf.ingest_worker.reading.delimiter import after, rows
from wharf.ingest_worker.reading.footer import Ending, footer
from wharf.ingest_worker.reading.header import SHOWN, find_header, fit, skipped_before
from wharf.ingest_worker.reading.source import Cursor
from wharf.ingest_worker.reading.structure import Rows, aligned, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharf.ingest_worker.reading.delimiter import Candidate, Sample
    from wharf.ingest_worker.reading.header import Row
    from wharf.ingest_worker.reading.splitter import Syntax

ROWS: Final = 5000
"""Of a sample that is the whole file, among which another table is looked for."""
MOST_LACKING: Final = 1
"""Names that a header of unknown names may lack: a delimiter is missing, or the last name is left out."""
NOT_SURE: Final = 0.7
"""How well a header fits that nobody expected."""


@dataclass(frozen=True)
class Table:
    """What `Dialect` tells of it."""

    header: tuple[str, ...]
    header_rows: tuple[Row, ...]
    data: Cursor
    fit: float
    skipped: tuple[tuple[int, str, str], ...]
    end: int | None = None
    following: tuple[tuple[str, str], ...] = ()


def find_table(
    sample: Sample, best: Candidate, stated: int | None, expected: frozenset[str], required: Sequence[str]
) -> Table:
    """The sample's table. `stated`: the line of its header as the user gave it, 0 for none.

    Raises `Invalid`: `bad_option`, `no_header`.
    """
    found = rows(sample, best.syntax, ROWS) if sample.complete else best.rows
    found = tuple(_mended(row, best.syntax, best.width) for row in found)
    seen = Rows(found, best.width)
    known = find_header(found, expected, stated, required) if stated != 0 else None
    first = seen.start() if known is None else known
    has_header = known is not None or (stated is None and bool(found) and seen.is_header(first))
    named = seen.header_rows(first, known=known is not None) if has_header and stated is None else [first] * has_header
    names = _names(seen, named, expected=known is not None)
    begin = after(sample, found[named[-1]]) if named else Cursor(found[first].offset, found[first].line)
    end, following = ending(sample, seen, named[-1] if named else first)
    return Table(
        header=names,
        header_rows=tuple(found[i] for i in named),
        data=begin,
        fit=max((fit(found[i].cells, expected) for i in named), default=NOT_SURE) if expected else NOT_SURE,
        skipped=tuple(skipped_before(sample, found[first].offset)),
        end=end,
        following=following,
    )


def _names(seen: Rows, named: Sequence[int], *, expected: bool) -> tuple[str, ...]:
    """The header's cells, made as many as the table has columns where nobody knows better."""
    if not named:
        return ("",) * seen.width
    wide = [aligned(seen.rows[i].cells, seen.width) for i in named]
    if expected:
        return wide[0]
    names = joined([cells for cells in wide if len(cells) == len(wide[0])])
    lacks = seen.width - len(names)
    return names if not 0 < lacks <= MOST_LACKING else (*names, *[""] * lacks)


def _mended(row: Row, syntax: Syntax, width: int) -> Row:
    """The row as it will be read: a stray quote is a part of its cell."""
    odd = syntax.quote and row.text.count(syntax.quote) & 1
    cells = mended(row.text, syntax, width) if odd else None
    return replace(row, cells=tuple(cells)) if cells else row


def ending(sample: Sample, seen: Rows, first: int) -> Ending:
    """Where the data ends before the file does, and the lines that follow, where the sample is all of the file.

    `first`: the index of the row before the first one that may be data.
    """
    cut_off = any(row.broken for row in seen.rows)
    if not sample.complete or cut_off or len(seen.rows) >= ROWS:
        return None, ()  # what ends inside a cell, or goes on, has no end here
    other = seen.next_table(first)
    if other is not None:
        end = seen.rows[other].offset
        text = sample.data[end:].decode(sample.codec, "replace")
        return end, tuple((line[:SHOWN], "another_table") for line in re.split("\r\n|\r|\n", text.rstrip("\r\n")))
    return footer(sample, seen, first)
