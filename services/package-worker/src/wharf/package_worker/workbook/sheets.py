"""Which sheets a workbook has: one for each section, more where a section has more rows than a sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from wharf.package_worker.content import Content, Filled
from wharf.package_worker.workbook.cells import column_letters

FULL = 1_048_576
"""The rows of a sheet."""
RESERVED = 2
"""The header's row and the totals'."""
SUMMARY = "Summary"
LONGEST_NAME = 31
FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]|^'|'$")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet with rows `start` to `stop` of a section."""

    name: str
    filled: Filled
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """Its rows, without header and totals."""
        return self.stop - self.start

    @property
    def is_last(self) -> bool:
        """Whether the section ends here, so that the totals stand below."""
        return self.stop >= self.filled.rows

    @property
    def has_totals(self) -> bool:
        """Whether a row of sums stands at the end."""
        return self.is_last and self.rows > 0 and bool(self.filled.totals)

    @property
    def extent(self) -> str:
        """The cells that it has."""
        last = 1 + max(self.rows, 1) + self.has_totals
        return f"A1:{column_letters(len(self.filled.columns) - 1)}{last}"

    def cells(self, column: int) -> str:
        """The cells of a column, as a formula on any sheet names them."""
        letters = column_letters(column)
        quoted = self.name.replace("'", "''")
        return f"'{quoted}'!${letters}$2:${letters}${1 + self.rows}"

    def batches(self, most: int) -> Iterator[pa.RecordBatch]:
        """Its rows, at most so many at a time."""
        before = 0
        for batch in self.filled.batches():
            first, last = max(self.start - before, 0), min(self.stop - before, batch.num_rows)
            before += batch.num_rows
            for place in range(first, last, most):
                yield batch.slice(place, min(most, last - place))
            if before >= self.stop:
                return


def sheets_of(content: Content, full: int = FULL) -> list[Sheet]:
    """The sheets of a package, each with a name of its own."""
    taken = {SUMMARY.lower()}
    return [sheet for filled in content.for_format("xlsx") for sheet in _split(filled, full - RESERVED, taken)]


def _split(filled: Filled, most: int, taken: set[str]) -> Iterator[Sheet]:
    for start in range(0, max(filled.rows, 1), most):
        yield Sheet(_name(filled.section.title, taken), filled, start, min(start + most, filled.rows))


def _name(title: str, taken: set[str]) -> str:
    plain = FORBIDDEN.sub(" ", title).strip() or "Sheet"
    name, number = plain[:LONGEST_NAME], 1
    while name.lower() in taken:
        number += 1
        ending = f" ({number})"
        name = plain[: LONGEST_NAME - len(ending)] + ending
    taken.add(name.lower())
    return name


def same_section(sheets: Sequence[Sheet], filled: Filled) -> list[Sheet]:
    """All sheets of a section."""
    return [sheet for sheet in sheets if sheet.filled is filled]
