"""Which delimiter and quote: the pair under which the sample's records are widest and most even."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wharf.ingest_worker.reading.header import Row, fit
from wharf.ingest_worker.reading.records import Block, read_blocks
from wharf.ingest_worker.reading.source import Bytes, Cursor
from wharf.ingest_worker.reading.splitter import Syntax

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wharf.common.imports import ImportOptions

DELIMITERS: Final = (",", ";", "\t", "|", ":", "^", "~", "\x01", "\x1f")
LIKELY: Final = frozenset(",;\t|")
UNLIKELY_WEIGHT: Final = 0.6
"""A colon is in every time of day: others than the four usual ones must be much evener to win."""
ONE_COLUMN_WEIGHT: Final = 0.5
OTHER_HEADER_WEIGHT: Final = 0.3
"""A header that has not as many cells as the rows was not written with this delimiter."""
QUOTES: Final = ('"', "'")
ROWS: Final = 100
ENOUGH_ROWS: Final = 10
TOP: Final = 50
"""Among how many records the header is looked for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a file, its encoding known."""

    data: bytes
    total_size: int
    codec: str
    start: Cursor

    @property
    def complete(self) -> bool:
        """Whether it is the whole file."""
        return len(self.data) >= self.total_size


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to read the sample. `share` of its rows have `width` cells."""

    syntax: Syntax
    rows: tuple[Row, ...]
    width: int
    share: float
    score: float


def candidates(sample: Sample, options: ImportOptions, expected: frozenset[str]) -> list[Candidate]:
    """All ways to read the sample that the options allow, the best first."""
    delimiters = (options.delimiter,) if options.delimiter else DELIMITERS
    quotes = QUOTES if options.quote is None else (options.quote,)
    pairs = [(d, q) for d in delimiters for q in quotes if d != q and (options.quote is not None or _occurs(sample, q))]
    found = [_candidate(sample, Syntax(sample.codec, d, q), expected) for d, q in pairs or [(delimiters[0], "")]]
    return sorted(found, key=lambda c: -c.score)


def rows(sample: Sample, syntax: Syntax, limit: int = ROWS) -> tuple[Row, ...]:
    """The sample's first records, a last one that is cut off left out."""
    found: list[Row] = []
    for block in read_blocks(Bytes(sample.data), syntax, sample.start):
        if block.broken and not sample.complete and len(found) >= ENOUGH_ROWS:
            return tuple(found)  # the sample ends inside a quoted field, as it may
        found.extend(_rows_of(block, syntax, limit - len(found)))
        if len(found) >= limit:
            return tuple(found)
    return tuple(found if sample.complete or len(found) == 1 else found[:-1])


def rows_of(records: Iterable[str], syntax: Syntax) -> Iterator[list[str]]:
    """The cells of each record, as every path of the reader sees them."""
    marks = {"quotechar": syntax.quote} if syntax.quote else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    csv.field_size_limit(2**31 - 1)
    return csv.reader(records, delimiter=syntax.delimiter, doublequote=True, **marks)


def _occurs(sample: Sample, quote: str) -> bool:
    """The usual quote needs no evidence."""
    return quote != "'" or quote.encode(sample.codec) in sample.data


def after(sample: Sample, row: Row) -> Cursor:
    """Where the line after a record begins."""
    unit = Syntax(sample.codec, ",", "").unit
    ending = sample.data[row.end : row.end + 2 * unit].decode(sample.codec, "replace")
    length = 2 if ending == "\r\n" else len(ending[:1])
    lines = len(re.findall("\r\n|\r|\n", row.text)) + 1
    return Cursor(row.end + length * unit, row.line + lines)


def _rows_of(block: Block, syntax: Syntax, limit: int) -> Iterator[Row]:
    base = block.start.byte_offset
    for i in range(min(len(block), limit)):
        text = block.record(i).decode(syntax.codec, "replace")
        cells = tuple(next(rows_of([text], syntax), ()))
        yield Row(int(block.lines[i]), base + int(block.starts[i]), base + int(block.ends[i]), text, cells)


def _candidate(sample: Sample, syntax: Syntax, expected: frozenset[str]) -> Candidate:
    found = rows(sample, syntax)
    width, share = _evenness(found)
    header = max(found[:TOP], key=lambda row: fit(row.cells, expected), default=None)
    known = fit(header.cells, expected) if header else 0.0
    score = 0.4 * share * (1 - 1 / (width + 1)) + 0.6 * known
    if header and known and len(header.cells) != width:
        score *= OTHER_HEADER_WEIGHT
    score *= 1 if width > 1 else ONE_COLUMN_WEIGHT
    score *= 1 if syntax.delimiter in LIKELY else UNLIKELY_WEIGHT
    return Candidate(syntax, found, width, share, score * _quoting(found, syntax))


def _evenness(found: Sequence[Row]) -> tuple[int, float]:
    widths = Counter(len(row.cells) for row in found)
    if not widths:
        return 0, 0.0
    width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[1]))
    return width, count / len(found)


def _quoting(found: Sequence[Row], syntax: Syntax) -> float:
    """An apostrophe is a quote only where it encloses cells of many rows; a fifth of them must show it."""
    if syntax.quote != "'":
        return 1.0
    d, q = syntax.delimiter, syntax.quote
    opened = sum(row.text.startswith(q) or d + q in row.text for row in found)
    closed = sum(row.text.endswith(q) or q + d in row.text for row in found)
    often = min(opened, closed) > max(1, len(found) // 5)
    return 1.01 if often and not any('"' in row.text for row in found) else 0.0
