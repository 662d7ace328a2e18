"""Rows as we write them ourselves: CSV in UTF-8, one line for each row whatever its cells hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from wharf.common.corrections import NEWLINE_MARK

CHUNK_CHARACTERS = 2**20
AS_WE_WRITE = {"encoding": "utf-8", "delimiter": ",", "quote": '"', "escape": "", "comment": ""}
"""The options by which this text is read."""


def written(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """The text of the rows, piece by piece; a row without cells is an empty line.

    Half of a letter (a lone surrogate) becomes bytes that are no UTF-8: its row is rejected, and shows them.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    for row in rows:
        writer.writerow(row)
        if out.tell() >= CHUNK_CHARACTERS:
            yield out.getvalue().encode("utf-8", "surrogatepass")
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode("utf-8", "surrogatepass")


def cell_of(value: object) -> str:
    """A value as a cell: nothing is empty, yes and no are words, a line end is marked."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value).replace("\r\n", "\n").replace("\r", "\n").replace("\n", NEWLINE_MARK)
