"""Where in a sample the table is: what stands above it, its header rows if it has any, its data, and what follows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wharf.ingest_worker.reading.kinds import CERTAIN, kind_of, kind_of_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharf.ingest_worker.reading.header import Row

TOP: Final = 50
COMMENTS: Final = ("#", "//", "--", "%", ";")
MORE_HEADERS: Final = 4
"""At most so many rows of names below the first one."""
LONGEST_NAME: Final = 64
RAGGED_WIDTH: Final = 4
"""A header that lacks a delimiter, or has one too many, is one only where the table has so many columns."""
SURE: Final = 2
"""So many columns of typed cells must have none of their type in a row that is to be a header below another one."""
ENOUGH_ROWS: Final = 5
"""Of fewer nobody knows what is usual."""
ROWS_OF_TABLE: Final = 2


@dataclass(frozen=True)
class Rows:
    """The sample's records under one dialect. `width` is the usual number of cells."""

    rows: Sequence[Row]
    width: int

    @cached_property
    def kinds(self) -> tuple[str | None, ...]:
        """The certain kind of each column, by the rows of the usual width without the topmost."""
        wide = [row.cells for row in self.rows if len(row.cells) == self.width and any(row.cells)]
        body = wide[min(3, len(wide) // 2) :] if len(wide) > 1 else wide
        return tuple(kind_of_column(cells) for cells in zip(*body, strict=True))

    def start(self) -> int:
        """The index of the first row that fills half of the table's columns; of the first row where none does."""
        return next((i for i in range(min(len(self.rows), TOP)) if self._may_begin(i)), 0)

    def is_header(self, index: int) -> bool:
        """Whether a row names the columns below it."""
        cells = self.rows[index].cells
        if len(cells) != self.width:
            return not any(kind_of(cell) in CERTAIN for cell in cells)
        against = self._against(cells)
        if against is not None:
            return against
        below = self.rows[index + 1 : index + TOP]
        return _are_names(cells) and not _is_among(cells, below)

    def is_surely_header(self, index: int) -> bool:
        """Whether it cannot be data: typed columns have none of their type there."""
        cells = self.rows[index].cells
        typed = [i for i, kind in enumerate(self.kinds) if kind in CERTAIN]
        return (
            len(cells) == self.width
            and len(typed) >= SURE
            and len(self.rows) > ENOUGH_ROWS
            and sum(bool(cell.strip()) for cell in cells) > self.width // 2
            and _are_names(cells)
            and not any(kind_of(cells[i]) in CERTAIN for i in typed)
        )

    def header_rows(self, first: int, *, known: bool) -> list[int]:
        """That header's index and those of further rows of names below it.

        Below a header that is known only the same row again is one: all else may be data with something wrong.
        """
        found = [first]
        for i in range(first + 1, min(first + 1 + MORE_HEADERS, len(self.rows) - 1)):
            names = self.rows[i].cells == self.rows[first].cells or (not known and self.is_surely_header(i))
            if not names or _blank_between(self.rows[i - 1], self.rows[i]):
                break
            found.append(i)
        return found

    def next_table(self, first: int) -> int | None:
        """The index of the row with which another table begins, among those from `first`."""
        for i in range(first + 1, len(self.rows) - ROWS_OF_TABLE):
            if self._begins_another(i):
                return i
        return None

    def _may_begin(self, index: int) -> bool:
        row = self.rows[index]
        width, filled = len(row.cells), sum(bool(cell.strip()) for cell in row.cells)
        if row.text.lstrip().startswith(COMMENTS) and width != self.width:
            return False
        if width != self.width and (self.width < RAGGED_WIDTH or abs(width - self.width) > 1):
            return False
        return 2 * filled >= self.width and (self.width > 1 or filled > 0)

    def _against(self, cells: Sequence[str]) -> bool | None:
        """What the typed columns say about a row: no data (True), data (False), nothing (None)."""
        typed = [(kind_of(cell), kind) for cell, kind in zip(cells, self.kinds, strict=False) if kind and cell.strip()]
        alike = sum(own == kind or own in CERTAIN for own, kind in typed)
        return 2 * alike < len(typed) if typed else None

    def _begins_another(self, index: int) -> bool:
        row, before, after = self.rows[index], self.rows[index - 1], self.rows[index + 1 : index + 1 + ROWS_OF_TABLE]
        if any(len(follower.cells) != len(row.cells) for follower in after) or len(row.cells) < ROWS_OF_TABLE:
            return False
        apart = _blank_between(before, row) or not any(cell.strip() for cell in before.cells)
        names = all(cell.strip() for cell in row.cells) and _are_names(row.cells)
        if len(row.cells) == self.width:
            return apart and names and self.is_surely_header(index)
        return names and (apart or any(kind_of(cell) in CERTAIN for cell in after[0].cells))


def _are_names(cells: Sequence[str]) -> bool:
    """Short, different, and nothing that only data is."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return (
        bool(filled)
        and len({cell.lower() for cell in filled}) == len(filled)
        and all(len(cell) <= LONGEST_NAME and kind_of(cell) not in CERTAIN for cell in filled)
    )


def _is_among(cells: Sequence[str], rows: Sequence[Row]) -> bool:
    """Whether some cell stands again in its own column: names don't."""
    return any(
        cell and any(i < len(row.cells) and row.cells[i] == cell for row in rows) for i, cell in enumerate(cells)
    )


def _blank_between(before: Row, row: Row) -> bool:
    return row.line > before.line + 1 + len(re.findall("\r\n|\r|\n", before.text))


def aligned(cells: Sequence[str], width: int) -> tuple[str, ...]:
    """A header's names for a table of that width: an empty one too many is dropped."""
    names = list(cells)
    while len(names) > width and "" in (found := [name.strip() for name in names]):
        names.pop(found.index(""))
    return tuple(names)


def joined(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One name for each column from several rows of them."""
    if len(rows) == 1:
        return tuple(rows[0])
    return tuple(" ".join(part.strip() for part in parts if part.strip()) for parts in zip(*rows, strict=True))
