"""The end of a file that is larger than the sample: what follows its table, found as in a file that is seen whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wharf.ingest_worker.reading.delimiter import Sample, rows
from wharf.ingest_worker.reading.dialect import SAMPLE_BYTES
from wharf.ingest_worker.reading.records import read_blocks
from wharf.ingest_worker.reading.source import Bytes, Cursor
from wharf.ingest_worker.reading.splitter import Splitter
from wharf.ingest_worker.reading.structure import Rows
from wharf.ingest_worker.reading.table import ROWS, ending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharf.ingest_worker.reading.dialect import Dialect
    from wharf.ingest_worker.reading.header import Row
    from wharf.ingest_worker.reading.source import ByteSource
    from wharf.ingest_worker.reading.splitter import Syntax

TAIL_BYTES: Final = 64 * 1024
"""Far more than a footer has. What follows the data is kept with every checkpoint, so it is no whole sample."""
USUAL: Final = 0.9
"""So many rows of the tail must be as wide as the header, or nobody knows what it is."""
ROWS_AGAIN: Final = 2
"""So many rows of the table behind what seems to be another one show that it only was interrupted."""


def with_ending(dialect: Dialect, source: ByteSource, tail_bytes: int = TAIL_BYTES) -> Dialect:
    """The dialect with the place where the data of a large file ends, if other lines follow there.

    `source` is read at its end. Where that is not surely understood the dialect stays as it is: the last lines are
    then rows with something wrong, and each is told as a reject.
    """
    if source.size <= SAMPLE_BYTES:
        return dialect  # it was seen whole
    offset, data = _tail(dialect, source, tail_bytes)
    start = _sure_start(data, dialect.syntax)
    if start is None:
        return dialect
    sample = Sample(data[start:], len(data) - start, dialect.codec, Cursor())
    found = rows(sample, dialect.syntax, len(data))[1 - ROWS :]
    end, following = ending(sample, Rows(found, len(dialect.header)), 0)
    if end is None or not _is_end(found, end, dialect, following[0][1]):
        return dialect
    return replace(dialect, end=offset + start + end, following=following)


def _tail(dialect: Dialect, source: ByteSource, length: int) -> tuple[int, bytes]:
    """The text's last bytes from a whole code unit, and where they begin."""
    first = dialect.data.byte_offset
    offset = max(first, source.size - length)
    offset -= (offset - first) % dialect.syntax.unit
    return offset, source.read(offset, source.size - offset)


def _sure_start(data: bytes, syntax: Syntax) -> int | None:
    """The first place in the tail at which a record surely begins; None where there is none.

    A line may begin inside a quoted cell. But a whole file ends outside, and every quote changes sides: so where the
    quotes that follow a line end are even in number, that line end is outside too. It is if each of the records that
    are read from there has an even number; those up to the last one with an odd number tell nothing.
    """
    breaks = Splitter(data, syntax, at_end=True).breaks
    if not breaks.size:
        return None
    line = (int(breaks[0]) + 1) * syntax.unit
    blocks = list(read_blocks(Bytes(data[line:]), syntax, Cursor()))
    if len(blocks) != 1 or blocks[0].broken:
        return None  # it ends inside a cell, or between two windows
    block = blocks[0]
    after = int(block.odd[-1]) + 1 if block.odd.size else 0
    return line + int(block.starts[after]) if after < len(block) else None


def _is_end(found: Sequence[Row], end: int, dialect: Dialect, why: str) -> bool:
    """Whether rows of the table stand before that place, and none of them behind it."""
    width = len(dialect.header)
    before = [row for row in found if row.offset < end]
    wide = sum(len(row.cells) == width for row in before)
    return wide >= USUAL * len(before) and not (why == "another_table" and _goes_on(found[len(before) :], dialect))


def _goes_on(rest: Sequence[Row], dialect: Dialect) -> bool:
    """Whether it is the same table still: its names come again, or its rows behind a few of another width."""
    width = len(dialect.header)
    again = len(rest[0].cells) != width and sum(len(row.cells) == width for row in rest) >= ROWS_AGAIN
    return again or rest[0].cells == dialect.header
