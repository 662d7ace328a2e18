"""What a package shows: its declaration filled with rows, whatever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pyarrow as pa

from wharf.common.packages import Locale, PackageType, ReportColumn, Section

Batches = Callable[[], Iterator[pa.RecordBatch]]
"""Reads a section's rows from the first one on; each format does so once."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A section and its rows. Every batch has the section's columns, in their order."""

    section: Section
    rows: int
    batches: Batches
    totals: Mapping[str, Decimal | int] = field(default_factory=dict)
    """The sums of the columns that have one."""

    @property
    def columns(self) -> tuple[ReportColumn, ...]:
        """The section's columns."""
        return self.section.columns

    def first_rows(self, most: int) -> pa.Table:
        """Its beginning: for charts, and for the widths of columns."""
        found: list[pa.RecordBatch] = []
        for batch in self.batches():
            found.append(batch.slice(0, most))
            most -= len(found[-1])
            if most <= 0:
                break
        return (
            pa.Table.from_batches(found)
            if found
            else pa.table({c.name: pa.array([], pa.string()) for c in self.columns})
        )


@dataclass(frozen=True, slots=True)
class Content:
    """A whole package, ready to be written in any format."""

    type: PackageType
    sections: tuple[Filled, ...]
    locale: Locale
    project: str
    author: str
    as_of: datetime
    """When the data were read: the package's time everywhere, so that the same data give the same files."""
    fingerprint: str = ""

    @property
    def rows(self) -> int:
        """The rows of all its sections."""
        return sum(filled.rows for filled in self.sections)

    def for_format(self, name: str) -> tuple[Filled, ...]:
        """The sections that a format shows."""
        return tuple(filled for filled in self.sections if name in filled.section.formats)


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds."""

    rows: int
    pages: int | None = None
    sheets: int | None = None


Reached = Callable[[int, int], None]
"""Called with the pages (or sheets) and rows written so far; may raise to stop."""


def nobody_asks(_pages: int, _rows: int) -> None:
    """For those who want no progress."""


def in_memory(table: pa.Table, rows: int = 8192) -> Batches:
    """The batches of a table in memory."""
    return lambda: iter(table.to_batches(max_chunksize=rows))
