"""A section as a table that goes over many pages: the header stands on each, no row is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.package_worker.content import Filled
from wharf.package_worker.figures import written_one
from wharf.package_worker.pdf.book import Book
from wharf.package_worker.pdf.chapter import Chapter
from wharf.package_worker.pdf.columns import Placed, place_columns
from wharf.package_worker.pdf.ink import ACCENT, BLACK, PALE, Ink
from wharf.package_worker.pdf.measures import LEADING, PAD_BOTTOM, PAD_TOP, PAD_X, SIZE
from wharf.package_worker.pdf.rows import Ints, RowSetter
from wharf.package_worker.text import Style

CELLS = 20_000
"""Cells that are set at once: what bounds the memory."""
SAMPLE, LEAST_SAMPLE = 10_000, 20
"""Cells by which the columns' widths are chosen, and of how many rows at least."""
TITLE_LINES = 3
TOTALS = LEADING + PAD_TOP + PAD_BOTTOM + 200
"""The height of the totals."""


class Table:
    """A section's table, from where its chapter stands."""

    def __init__(self, book: Book, filled: Filled, chapter: Chapter) -> None:
        self._book, self._filled, self._chapter = book, filled, chapter
        self._rows = RowSetter(book.setter, book.speller, book.content.locale)
        sample, paper = filled.first_rows(max(SAMPLE // len(filled.columns), LEAST_SAMPLE)), book.paper
        self._panels = place_columns(
            book.setter, filled.columns, sample, book.content.locale, left=paper.left, inner=paper.inner
        )
        self._headers: dict[tuple[int, int], bytes] = {}

    def draw(self) -> None:
        """All rows, then the totals."""
        most = max(CELLS // len(self._filled.columns), 1)
        for batch in self._batches(most):
            for panel in self._panels:
                self._draw_batch(batch, panel)
            self._book.rows += batch.num_rows
        self._draw_totals()

    def _batches(self, most: int) -> Iterator[pa.RecordBatch]:
        for batch in self._filled.batches():
            for start in range(0, batch.num_rows, most):
                yield batch.slice(start, most)

    def _draw_batch(self, batch: pa.RecordBatch, panel: Sequence[Placed]) -> None:
        titles = self._titles(panel)
        height = self._header_height(titles)
        measured = self._rows.measure(batch, panel, self._most_lines(height))
        begun = len(self._panels) == 1 and self._chapter.is_in_table
        places = self._place(measured.heights, height, begun=begun)
        tops = np.concatenate([tops for _, _, tops in places])
        codes = self._rows.draw(measured, tops)
        rules = _rules(panel, tops - measured.heights)
        for number, (start, stop, _) in enumerate(places):
            if number or not begun:
                self._turn_to_header(panel, titles, height, fresh=number > 0)
            self._chapter.add_rows(_bytes(codes, start, stop), _bytes(rules, start, stop))
        self._chapter.top = int(tops[-1] - measured.heights[-1])

    def _place(self, heights: Ints, header: int, *, begun: bool) -> list[tuple[int, int, Ints]]:
        """Which strips each page gets: from, to, and their upper edges."""
        ends = np.concatenate(([0], np.cumsum(heights)))
        top = self._chapter.top - (0 if begun else header)
        places: list[tuple[int, int, Ints]] = []
        start = 0
        while start < len(heights):
            room = top - self._floor
            stop = int(np.searchsorted(ends, ends[start] + room, side="right")) - 1
            if stop == start and not places and not (begun and self._fits_nowhere(heights[start], header)):
                places.append((start, start, np.zeros(0, np.int64)))
            else:
                stop = max(stop, start + 1)
                places.append((start, stop, top - (ends[start:stop] - ends[start])))
                start = stop
            top = self._book.paper.ceiling - header
        return places

    def _fits_nowhere(self, height: int, header: int) -> bool:
        return height > self._book.paper.ceiling - self._floor - header

    @property
    def _floor(self) -> int:
        """Where rows end: above the place for the totals, which then never stand alone on a page."""
        return self._book.paper.bottom + (TOTALS if self._filled.totals else 0)

    def _turn_to_header(self, panel: Sequence[Placed], titles: list[list[str]], height: int, *, fresh: bool) -> None:
        if fresh:
            self._chapter.turn()
        self._draw_header(panel, titles, height)
        self._chapter.is_in_table = True

    def _most_lines(self, header: int) -> int:
        room = self._book.paper.ceiling - self._floor - header - PAD_TOP - PAD_BOTTOM
        return room // LEADING

    def _titles(self, panel: Sequence[Placed]) -> list[list[str]]:
        setter = self._book.setter
        return [list(setter.lines(one.column.title, SIZE, one.room, Style.BOLD))[:TITLE_LINES] for one in panel]

    def _header_height(self, titles: list[list[str]]) -> int:
        return max(map(len, titles)) * LEADING + PAD_TOP + PAD_BOTTOM + 200

    def _draw_header(self, panel: Sequence[Placed], titles: list[list[str]], height: int) -> None:
        """The same on almost every page, so what was drawn once is remembered."""
        top = self._chapter.top
        key = (panel[0].index, top)
        if key not in self._headers:
            self._headers[key] = self._header(panel, titles, height, top)
        self._chapter.ink.raw(self._headers[key])
        self._chapter.top -= height

    def _header(self, panel: Sequence[Placed], titles: list[list[str]], height: int, top: int) -> bytes:
        ink, first, last = Ink(self._book.setter, parts=[]), panel[0], panel[-1]
        right = last.left + last.width
        ink.area(first.left, top - height, right - first.left, height, PALE)
        for one, lines in zip(panel, titles, strict=True):
            x = one.left + one.width - PAD_X if one.is_right else one.left + PAD_X
            for number, line in enumerate(reversed(lines)):
                low = top - height + PAD_BOTTOM + 250 + number * LEADING
                ink.text(x, low, line, SIZE, Style.BOLD, colour=BLACK, align=float(one.is_right))
        ink.line(first.left, top - height, right, top - height, ACCENT, width=80)
        return ink.code

    def _draw_totals(self) -> None:
        """The sums, in a line that is never alone on its page without a header above it."""
        if not self._filled.totals:
            return
        for panel in self._panels:
            if any(one.column.name in self._filled.totals for one in panel):
                self._draw_sums(panel)

    def _draw_sums(self, panel: Sequence[Placed]) -> None:
        height, first, last = TOTALS, panel[0], panel[-1]
        if self._chapter.top - height < self._book.paper.bottom or not self._chapter.is_in_table:
            titles = self._titles(panel)
            self._turn_to_header(panel, titles, self._header_height(titles), fresh=self._chapter.is_in_table)
        ink, low = self._chapter.ink, self._chapter.top - height + PAD_BOTTOM + 250
        ink.line(first.left, self._chapter.top, last.left + last.width, self._chapter.top, BLACK, width=60)
        if first.column.name not in self._filled.totals:
            ink.text(first.left + PAD_X, low, "Total", SIZE, Style.BOLD)
        for one in panel:
            value = self._filled.totals.get(one.column.name)
            if value is not None:
                text = written_one(value, one.column, self._book.content.locale)
                ink.text(one.left + one.width - PAD_X, low, text, SIZE, Style.BOLD, align=1)
        self._chapter.top -= height


def _rules(panel: Sequence[Placed], bottoms: Ints) -> pa.StringArray:
    left, right = panel[0].left, panel[-1].left + panel[-1].width
    heights = pa.array(bottoms).cast(pa.string())
    return pc.binary_join_element_wise(f"{left} ", heights, f" m {right} ", heights, " l\n", "")


def _bytes(texts: pa.StringArray, start: int, stop: int) -> bytes:
    """Neighbouring strings as one, which they are in memory."""
    _, offsets, values = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32)
    return bytes(memoryview(values)[bounds[start] : bounds[stop]]) if stop > start else b""
