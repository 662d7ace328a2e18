"""A whole workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from wharf.package_worker.content import Content, Reached, Written, nobody_asks
from wharf.package_worker.workbook.archive import Body, assemble
from wharf.package_worker.workbook.cells import rows_of
from wharf.package_worker.workbook.frame import frame_of
from wharf.package_worker.workbook.sheets import FULL, Sheet, sheets_of

CELLS = 20_000
"""Cells that are written at once: what bounds the memory."""


def write_xlsx(content: Content, stream: BinaryIO, reached: Reached = nobody_asks, *, full: int = FULL) -> Written:
    """Write the package as a workbook; the same content gives the same bytes. `full`: rows of a sheet."""
    sheets = sheets_of(content, full)
    counter = _Counter(reached)
    # XlsxWriter numbers its files; sheet 1 is the summary
    bodies = {
        f"xl/worksheets/sheet{number}.xml": Body(counter.rows_of(sheet), sheet.extent)
        for number, sheet in enumerate(sheets, 2)
        if sheet.rows
    }
    assemble(frame_of(content, sheets), stream, bodies)
    return Written(counter.rows, sheets=len(sheets) + 1)


class _Counter:
    """Counts the rows as they are written."""

    def __init__(self, reached: Reached) -> None:
        self.rows = 0
        self._reached = reached

    def rows_of(self, sheet: Sheet) -> Callable[[list[str]], Iterator[memoryview]]:
        """The rows of a sheet, as the archive asks for them."""

        def rows(styles: list[str]) -> Iterator[memoryview]:
            row = 2
            for batch in sheet.batches(max(CELLS // len(styles), 1)):
                yield rows_of(batch, styles, row)
                row += batch.num_rows
                self.rows += batch.num_rows
                self._reached(0, self.rows)

        return rows
