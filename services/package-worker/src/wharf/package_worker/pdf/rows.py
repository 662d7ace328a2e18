"""The rows of a batch, measured and then drawn: column by column, never cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wharf.common.packages import Locale
from wharf.package_worker.figures import written
from wharf.package_worker.pdf.columns import Placed
from wharf.package_worker.pdf.measures import LEADING, PAD_BOTTOM, PAD_TOP, PAD_X, SIZE
from wharf.package_worker.pdf.spelling import Spelled, Speller
from wharf.package_worker.pdf.type import Setter
from wharf.package_worker.text.faces import EM

Ints = NDArray[np.int64]
NEW_LINE = 10
REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column's cells: those on one line as they are spelled, the others as their lines by row."""

    placed: Placed
    spelled: Spelled
    broken: dict[int, list[str]]


@dataclass(frozen=True, slots=True)
class Measured:
    """The rows of a batch, before they are given to pages. A row of many lines may be several strips."""

    columns: tuple[Column, ...]
    rows: Ints
    """The row of each strip."""
    first_lines: Ints
    """The line of its row with which each strip begins."""
    lines: Ints
    """The lines of each strip."""

    @property
    def heights(self) -> Ints:
        """The height of each strip."""
        return self.lines * LEADING + PAD_TOP + PAD_BOTTOM


class RowSetter:
    """Sets the rows of one table."""

    def __init__(self, setter: Setter, speller: Speller, locale: Locale) -> None:
        self._setter, self._speller, self._locale = setter, speller, locale
        self._known: dict[tuple[str, int], list[str]] = {}

    def measure(self, batch: pa.RecordBatch, placed: Sequence[Placed], most_lines: int) -> Measured:
        """Spell all cells, and break those that are too wide."""
        columns = tuple(self._column(batch.column(one.index), one) for one in placed)
        lines = np.ones(batch.num_rows, np.int64)
        for column in columns:
            for row, broken in column.broken.items():
                lines[row] = max(lines[row], len(broken))
        strips = -(-lines // most_lines)
        rows = np.repeat(np.arange(batch.num_rows), strips)
        firsts = (np.arange(len(rows)) - np.repeat(np.cumsum(strips) - strips, strips)) * most_lines
        return Measured(columns, rows, firsts, np.minimum(lines[rows] - firsts, most_lines))

    def draw(self, measured: Measured, tops: Ints) -> pa.StringArray:
        """The operators of each strip, whose upper edges stand at `tops`."""
        lows = pa.array(tops - PAD_TOP - SIZE).cast(pa.string())
        parts = [part for column in measured.columns for part in self._cells(column, measured, lows)]
        return pc.binary_join_element_wise(*parts, "")

    def _column(self, values: pa.Array, placed: Placed) -> Column:
        texts = written(values, placed.column, self._locale)
        spelled = self._speller.spell(texts)
        wide = (spelled.widths * SIZE > placed.room * EM) | spelled.careful
        broken = {int(row): self._lines(texts[int(row)].as_py(), placed.room) for row in np.flatnonzero(wide)}
        return Column(placed, spelled, broken)

    def _lines(self, text: str, room: int) -> list[str]:
        found = self._known.get((text, room))
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[text, room] = list(self._setter.lines(text, SIZE, room))
        return found

    def _cells(self, column: Column, measured: Measured, lows: pa.StringArray) -> list[object]:
        """`x y` of each cell and what is shown there."""
        placed, spelled = column.placed, column.spelled
        codes = pc.binary_join_element_wise("<", spelled.codes, "> Tj\n", "")
        strips, shown = self._broken(column, measured)
        codes = pc.take(codes, pa.array(measured.rows))
        if len(strips):
            mask = np.zeros(len(measured.rows), np.bool_)
            mask[strips] = True
            codes = pc.replace_with_mask(codes, pa.array(mask), pa.array(shown, pa.string()))
        if not placed.is_right:
            return [f"1 0 0 1 {placed.left + PAD_X} ", lows, " Tm ", codes]
        starts = placed.left + placed.width - PAD_X - spelled.widths[measured.rows] * SIZE // EM
        starts[strips] = placed.left + PAD_X
        return ["1 0 0 1 ", pa.array(starts).cast(pa.string()), " ", lows, " Tm ", codes]

    def _broken(self, column: Column, measured: Measured) -> tuple[Ints, list[str]]:
        """The strips with a broken cell (and the later strips of a row, where the other cells are empty)."""
        later = measured.first_lines > 0
        broken = np.isin(measured.rows, np.fromiter(column.broken, np.int64))
        strips = np.flatnonzero(broken | later)
        return strips, [self._strip(column, measured, int(strip)) for strip in strips]

    def _strip(self, column: Column, measured: Measured, strip: int) -> str:
        first = int(measured.first_lines[strip])
        lines = column.broken.get(int(measured.rows[strip]), [])[first : first + int(measured.lines[strip])]
        return self._stacked(lines, column.placed)

    def _stacked(self, lines: Sequence[str], placed: Placed) -> str:
        """Lines below one another; at the end the usual font again."""
        if not lines:
            return ""
        found, before = [], 0
        for number, line in enumerate(lines):
            inset = placed.room - self._setter.width(line, SIZE) if placed.is_right else 0
            down = -LEADING if number else 0
            found.append(f"{inset - before} {down} Td " if inset != before or down else "")
            found.append(self._setter.show(line, SIZE).decode("ascii"))
            before = inset
        return "".join(found) + f"/F0 {SIZE} Tf\n"
