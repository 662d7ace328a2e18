"""Which delimiter and quote: the pair under which the sample's records are widest and most even."""

from __future__ import annotations

import csv
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wharf.ingest_worker.reading.csvrows import cells_of
from wharf.ingest_worker.reading.header import Row, fit
from wharf.ingest_worker.reading.kinds import kind_of
from wharf.ingest_worker.reading.records import Block, read_blocks
from wharf.ingest_worker.reading.source import Bytes, Cursor
from wharf.ingest_worker.reading.splitter import Syntax

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wharf.common.imports import ImportOptions

DELIMITERS: Final = (",", ";", "\t", "|", ":", "^", "~", " ", "\x01", "\x1f")
LIKELY: Final = frozenset(",;\t|")
UNLIKELY_WEIGHT: Final = 0.6
"""A colon is in every time of day: others than the four usual ones must be much evener to win."""
SPACE_WEIGHT: Final = 0.3
PAIR: Final = re.compile(r"""(?:, | \| |[^\w\s"'.+\-/()$%]{2,3}|\t{2,3})""")
"""What may be a delimiter of several characters."""
PAIRS: Final = 3
ONE_COLUMN: Final = 0.25
"""What a file of one column counts, where one of two counts a half."""
OTHER_HEADER_WEIGHT: Final = 0.3
"""A header that has not as many cells as the rows was not written with this delimiter."""
QUOTES: Final = ('"', "'")
ESCAPE: Final = "\\"
ROWS: Final = 100
ENOUGH_ROWS: Final = 10
PIECE_BYTES: Final = 16 * 1024
"""Of the sample at once: a hundred rows need no more of it, and a dozen ways to read it are tried."""
TOP: Final = 50
"""Among how many records the header is looked for."""
TRUST: Final = {"empty": 0.7, "text": 0.4, "words": 0.9}
"""How much a cell of that kind speaks for the delimiter around it; typed ones fully."""


FOREIGN: Final = frozenset({'"', ",", ";", "|", "\t"})
"""Marks that a cell neither begins nor ends with, unless it was cut out by the wrong ones."""


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
    text = sample.data[: 64 * 1024].decode(sample.codec, "replace")
    delimiters = (options.delimiter,) if options.delimiter else (*DELIMITERS, *_pairs(text))
    quotes = QUOTES if options.quote is None else (options.quote,)
    comment = options.comment or ""
    escapes = {q: _escapes(text, q, options.escape) for q in quotes}
    present = {delimiters[0], *text, *delimiters[len(DELIMITERS) :]}
    found = [
        _candidate(sample, Syntax(sample.codec, d, q, escape, comment), expected)
        for d in delimiters
        if d in present
        for q in quotes
        if d != q and (options.quote is not None or _occurs(text, q))
        for escape in escapes[q]
    ]
    only = Syntax(sample.codec, delimiters[0], "" if delimiters[0] == '"' else '"', options.escape or "", comment)
    return sorted(found or [_candidate(sample, only, expected)], key=lambda c: -c.score)


def _pairs(text: str) -> list[str]:
    """Runs of marks that are on most lines."""
    lines = max(1, min(len(text.splitlines()), ROWS))
    counts = Counter(PAIR.findall(text))
    return [pair for pair, times in counts.most_common(PAIRS) if 2 * times >= lines]


def _escapes(text: str, quote: str, stated: str | None) -> tuple[str, ...]:
    """A backslash is tried where one stands before a quote that is no cell's last mark, as Windows' paths are."""
    if stated is not None:
        return (stated,)
    return ("", ESCAPE) if re.search(rf"""\\{quote}(?:[^{quote},;|\t\r\n]|{quote}[,;|\t\r\n])""", text) else ("",)


def rows(sample: Sample, syntax: Syntax, limit: int = ROWS) -> tuple[Row, ...]:
    """The sample's first records, a last one that is cut off left out."""
    found: list[Row] = []
    for block in read_blocks(Bytes(sample.data), syntax, sample.start, block_bytes=PIECE_BYTES):
        if block.broken and not sample.complete and len(found) >= ENOUGH_ROWS:
            return tuple(found)  # the sample ends inside a quoted field, as it may
        found.extend(_rows_of(block, syntax, limit - len(found)) if not block.broken else _broken_line(block, syntax))
        if len(found) >= limit:
            return tuple(found)
    return tuple(found if sample.complete or len(found) == 1 else found[:-1])


def _occurs(text: str, quote: str) -> bool:
    """The usual quote needs no evidence."""
    return quote != "'" or quote in text


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
        cells = tuple(cells_of(text, syntax))
        yield Row(int(block.lines[i]), base + int(block.starts[i]), base + int(block.ends[i]), text, cells)


def _broken_line(block: Block, syntax: Syntax) -> Iterator[Row]:
    """The line of a quote that nothing closes: it may be the header's."""
    if block.broken:
        end = block.broken.length
        text = block.data[:end].decode(syntax.codec, "replace")
        start = block.start.byte_offset
        yield Row(block.start.line, start, start + end, text, tuple(cells_of(text, syntax)), broken=True)


def _candidate(sample: Sample, syntax: Syntax, expected: frozenset[str]) -> Candidate:
    found = rows(sample, syntax)
    width, share = _evenness(found)
    header = max(found[:TOP], key=lambda row: fit(row.cells, expected), default=None)
    known = fit(header.cells, expected) if header else 0.0
    sound = _soundness(found, width)
    score = 0.4 * share * sound * _width_worth(_filled_columns(found, width)) + 0.6 * known
    if header and known and len(header.cells) != width:
        score *= OTHER_HEADER_WEIGHT
    return Candidate(syntax, found, width, share, score * _likelihood(syntax) * _quoting(found, syntax))


def _width_worth(columns: int) -> float:
    return 1 - 1 / columns if columns > 1 else ONE_COLUMN


def _filled_columns(found: Sequence[Row], width: int) -> int:
    """Of the usual rows; a column that is always empty is between the halves of a longer delimiter."""
    wide = [row.cells for row in found if len(row.cells) == width]
    return sum(any(cells) for cells in zip(*wide, strict=True))


def _likelihood(syntax: Syntax) -> float:
    if syntax.delimiter == " ":
        return SPACE_WEIGHT
    return 1.0 if syntax.delimiter[0] in LIKELY else UNLIKELY_WEIGHT


def _evenness(found: Sequence[Row]) -> tuple[int, float]:
    """The usual width, and the share of the rows that have it."""
    widths = Counter(len(row.cells) for row in found)
    if not widths:
        return 0, 0.0
    width, count = max(widths.items(), key=lambda item: item[1] * _width_worth(item[0]))
    return width, count / len(found)


def _soundness(found: Sequence[Row], width: int) -> float:
    """How much the cells look like cells: typed or words, without marks of another dialect at their ends."""
    cells = [cell for row in found if len(row.cells) == width for cell in row.cells]
    return sum(_trust(cell) for cell in cells) / len(cells) if cells else 0.0


def _trust(cell: str) -> float:
    if cell[:1] in FOREIGN or cell[-1:] in FOREIGN:
        return 0.1
    if cell[:1] == " " or cell[-1:] == " ":
        return 0.3
    return TRUST.get(kind_of(cell), 1.0)


def _quoting(found: Sequence[Row], syntax: Syntax) -> float:
    """An apostrophe is a quote only where it encloses cells of many rows; a fifth of them must show it.

    Of two ways that read the same, the one without an escape is the plainer; and where quotes are doubled, a backslash
    before one is no escape: read as one, the cell goes on after its end.
    """
    plain = 0.99 * _ended(found, syntax) if syntax.escape else 1.0
    if syntax.quote != "'":
        return plain
    d, q = syntax.delimiter, syntax.quote
    opened = sum(row.text.startswith(q) or d + q in row.text for row in found)
    closed = sum(row.text.endswith(q) or q + d in row.text for row in found)
    often = min(opened, closed) > max(1, len(found) // 5)
    usual = sum(row.text.startswith('"') or d + '"' in row.text for row in found)
    return 1.01 * plain if often and 5 * usual < opened else 0.0


def _ended(found: Sequence[Row], syntax: Syntax) -> float:
    """The share of the rows whose quoted cells end with their quotes."""
    ended = 0
    for row in found:
        with suppress(csv.Error):
            cells_of(row.text, syntax, strict=True)
            ended += 1
    return ended / len(found) if found else 1.0
