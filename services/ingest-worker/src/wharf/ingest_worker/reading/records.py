"""Blocks of whole records: where each begins in the original file, and on which line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from wharf.ingest_worker.reading.source import Cursor
from wharf.ingest_worker.reading.splitter import CR, LF, NOTHING, STRAY_REACH, Splitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from wharf.ingest_worker.reading.source import ByteSource
    from wharf.ingest_worker.reading.splitter import Positions, Syntax

BLOCK_BYTES: Final = 2 * 2**20
"""Measured with a million rows: 2.12 s, with 1.5 MiB 2.31 s, since each block is a transaction with its checkpoint.
2.5 and 3 MiB are no faster, and take 20 and 35 MB."""
MAX_RECORD_BYTES: Final = 1024 * 1024
FIRST_PART: Final = 4
"""Of a file of as many blocks the first one is so much smaller, the next one half as much: both connections have
something to send sooner. A million rows take 2 to 3 % less."""
BLOCK_RECORDS: Final = 50_000
"""At most so many records in a block: short ones, all of them rejected, weigh far more than their bytes."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that had to be set aside because its record has no end within reach."""

    code: str
    line: int
    length: int
    """Bytes of its text that are kept, from the block's start."""


@dataclass(frozen=True)
class Block:
    """Some whole records of the file. Offsets count bytes from the start of `data`."""

    data: bytes
    start: Cursor
    next: Cursor
    starts: Positions
    ends: Positions
    """Where each record's text ends, its line end not included."""
    lines: Positions
    skipped: int = 0
    """Blank lines."""
    gaps: bool = False
    """Whether lines of spaces lie between the records: blank, but not for Arrow."""
    broken: Broken | None = None
    """Set in a block of its own, without records."""
    comments: tuple[tuple[int, str], ...] = ()
    """Lines that are comments: their number and text."""
    odd: Positions = field(default_factory=lambda: NOTHING)
    """Indices of the records with a stray quote, that are read one by one; see `Splitter.odd`."""

    def __len__(self) -> int:
        return int(self.starts.size)

    @property
    def consumed(self) -> int:
        """How many bytes of `data` belong to this block."""
        return self.next.byte_offset - self.start.byte_offset

    def record(self, index: int) -> bytes:
        """The original bytes of one record."""
        return self.data[self.starts[index] : self.ends[index]]


def read_block(
    source: ByteSource,
    syntax: Syntax,
    start: Cursor,
    *,
    block_bytes: int = BLOCK_BYTES,
    max_record: int = MAX_RECORD_BYTES,
) -> Block | None:
    """The whole records in the next `block_bytes` (at least one record); None at the file's end.

    A record longer than `max_record` bytes, or a quote that nothing closes before the file's end,
    costs its opening line only: it comes as `broken`, and the next block begins at the next line.
    """
    window = block_bytes
    # A record of exactly max_record is seen with its line end, and whether a quote in it is stray.
    furthest = max_record + (4 + STRAY_REACH) * syntax.unit
    while start.byte_offset < source.size:
        splitter = _window(source, syntax, start, window)
        if not splitter.data:
            return None  # a text whose end nobody knew
        if splitter.record_breaks.size or splitter.at_end or window >= furthest:
            return _block(source, splitter, start, max_record)
        window = min(window * 2, furthest)
    return None


def read_blocks(
    source: ByteSource,
    syntax: Syntax,
    start: Cursor,
    *,
    block_bytes: int = BLOCK_BYTES,
    max_record: int = MAX_RECORD_BYTES,
) -> Iterator[Block]:
    """All blocks from a cursor to the file's end; see `read_block`."""
    many = source.size - start.byte_offset >= FIRST_PART * block_bytes
    at, most = start, -(-block_bytes // FIRST_PART) if many else block_bytes
    window = most
    while (block := read_block(source, syntax, at, block_bytes=window, max_record=max_record)) is not None:
        yield block
        at = block.next
        full = len(block) + block.skipped == BLOCK_RECORDS
        most = min(most * 2, block_bytes)
        window = min(most, block.consumed * 3 // 2) if full else most


def _window(source: ByteSource, syntax: Syntax, start: Cursor, length: int) -> Splitter:
    length = max(length - length % syntax.unit, syntax.unit)
    data = source.read(start.byte_offset, min(length, source.size - start.byte_offset))
    return Splitter(data, syntax, at_end=start.byte_offset + len(data) >= source.size)


def _block(source: ByteSource, splitter: Splitter, start: Cursor, max_record: int) -> Block:
    unit = splitter.syntax.unit
    breaks = splitter.breaks[splitter.record_breaks]
    starts = np.concatenate([[0], breaks + 1]) * unit
    ends = (breaks - _before_feed_is_return(splitter, breaks)) * unit
    numbers = np.concatenate([[0], splitter.record_breaks + 1])
    has_tail = splitter.at_end and starts[-1] < len(splitter.data)
    if has_tail and not splitter.open_at_end:
        ends = np.append(ends, len(splitter.data))
    whole = _until_too_long(ends - starts[: ends.size], max_record)
    if whole == 0:
        return _broken_block(source, splitter, start, max_record)
    return _whole_block(splitter, start, (starts, ends, numbers), whole)


def _until_too_long(lengths: Positions, max_record: int) -> int:
    too_long = np.flatnonzero(lengths > max_record)
    return min(int(too_long[0]) if too_long.size else lengths.size, BLOCK_RECORDS)


def _before_feed_is_return(splitter: Splitter, breaks: Positions) -> Positions:
    """1 where the line end has two units: CRLF."""
    if b"\r" not in splitter.data:
        return np.zeros(breaks.size, dtype=np.int64)
    units = splitter.units
    pairs: Positions = ((units[breaks] == LF) & (units[breaks - 1] == CR) & (breaks > 0)).astype(np.int64)
    return pairs


def _whole_block(splitter: Splitter, start: Cursor, found: tuple[Positions, Positions, Positions], whole: int) -> Block:
    starts, ends, numbers = found
    consumed = int(starts[whole]) if whole < starts.size else len(splitter.data)
    spaces = _lines_of_spaces(splitter, starts[:whole], ends[:whole])
    filled = np.flatnonzero(starts[:whole] < ends[:whole])
    filled = np.setdiff1d(filled, spaces, assume_unique=True) if spaces.size else filled
    remarks = _remarks(splitter, starts[filled])
    comments, filled = filled[remarks], filled[~remarks] if remarks.any() else filled
    line = start.line + (int(numbers[whole]) if whole < numbers.size else splitter.breaks.size + 1)
    return Block(
        data=splitter.data,
        start=start,
        next=Cursor(start.byte_offset + consumed, line, start.record + filled.size),
        starts=starts[filled],
        ends=ends[filled],
        lines=numbers[filled] + start.line,
        skipped=whole - filled.size,
        gaps=bool(spaces.size or comments.size),
        comments=tuple(
            (start.line + int(numbers[i]), splitter.data[starts[i] : ends[i]].decode(splitter.syntax.codec, "replace"))
            for i in comments.tolist()
        ),
        odd=_among(filled, splitter.odd(starts // splitter.syntax.unit)),
    )


def _remarks(splitter: Splitter, starts: Positions) -> NDArray[np.bool_]:
    """Which records begin with the mark of a comment."""
    mark = splitter.syntax.comment
    if not mark:
        return np.zeros(starts.size, dtype=np.bool_)
    found: NDArray[np.bool_] = splitter.units[starts // splitter.syntax.unit] == ord(mark)
    return found


def _among(filled: Positions, records: Positions) -> Positions:
    """The places of some records among those that are filled."""
    if not records.size:
        return NOTHING
    return np.searchsorted(filled, np.intersect1d(filled, records, assume_unique=True))


def _lines_of_spaces(splitter: Splitter, starts: Positions, ends: Positions) -> Positions:
    """Indices of the records that hold nothing but spaces (or tabs, where those delimit nothing)."""
    syntax, unit = splitter.syntax, splitter.syntax.unit
    blank = " \t".replace(syntax.delimiter, "")
    if not any(mark.encode(syntax.codec) in splitter.data for mark in blank):
        return NOTHING
    filled = np.flatnonzero(starts < ends)
    outer = splitter.units[starts[filled] // unit], splitter.units[ends[filled] // unit - 1]
    first, last = (np.logical_or.reduce([units == ord(mark) for mark in blank]) for units in outer)
    likely: Positions = filled[first & last]
    texts = (splitter.data[starts[i] : ends[i]].decode(syntax.codec, "replace") for i in likely)
    return likely[[not text.strip(blank) for text in texts]]


def _broken_block(source: ByteSource, splitter: Splitter, start: Cursor, max_record: int) -> Block:
    """The opening line of a record without an end, set aside."""
    unclosed = splitter.at_end and not splitter.record_breaks.size and len(splitter.data) <= max_record
    after = _after_line(source, splitter, start.byte_offset)
    return Block(
        data=splitter.data,
        start=start,
        next=Cursor(after, start.line + 1, start.record + 1),
        starts=NOTHING,
        ends=NOTHING,
        lines=NOTHING,
        broken=Broken(
            "unclosed_quote" if unclosed else "record_too_long", start.line, _line_length(splitter, max_record)
        ),
    )


def _line_length(splitter: Splitter, max_record: int) -> int:
    """Bytes of the first line's text, as far as it is kept."""
    first = splitter.breaks[:1]
    if not first.size:
        return min(len(splitter.data), max_record)
    return min(int((first - _before_feed_is_return(splitter, first))[0]) * splitter.syntax.unit, max_record)


def _after_line(source: ByteSource, splitter: Splitter, offset: int) -> int:
    """Where the line after this window's first begins; a line longer than the window is looked through."""
    while not splitter.breaks.size:
        if splitter.at_end:
            return source.size
        unit = splitter.syntax.unit
        offset += len(splitter.data) - unit  # a CR at the window's end is looked at again with what follows
        splitter = _window(source, splitter.syntax, Cursor(offset), BLOCK_BYTES)
    return offset + (int(splitter.breaks[0]) + 1) * splitter.syntax.unit
