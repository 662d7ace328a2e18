"""The yardsticks of packages: how people usually write a workbook and a PDF, and the bare floors of the libraries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font, PatternFill
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, PageBreak, Paragraph, SimpleDocTemplate
from xlsxwriter import Workbook as FastWorkbook

Rows = Sequence[Sequence[Any]]
HEADER = ("Transaction", "Date", "Product", "Store", "Quantity", "Unit price", "Total")
ROWS_A_PAGE = 38
HEADLINES = 12


def timed(write: Callable[[Rows, Path], None], rows: Rows, path: Path) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    write(rows, path)
    return time.perf_counter() - started


def usual_workbook(rows: Rows, path: Path) -> None:
    """Openpyxl in normal mode: a styled header, number formats, a filter, frozen panes, a chart."""
    book = Workbook()
    sheet = book.create_sheet("Transactions", 0)
    sheet.append(HEADER)
    for row in rows:
        sheet.append(list(row))
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="12547D")
    for column in "FG":
        for cell in sheet[column][1:]:
            cell.number_format = "#,##0.00"
    sheet.freeze_panes, sheet.auto_filter.ref = "A2", sheet.dimensions
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=7, min_row=1, max_row=HEADLINES), titles_from_data=True)
    book.create_sheet("Summary").add_chart(chart, "A1")
    book.save(path)


def streamed_workbook(rows: Rows, path: Path) -> None:
    """Openpyxl in write-only mode, without styles."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADER)
    for row in rows:
        sheet.append(list(row))
    book.save(path)


def fast_workbook(rows: Rows, path: Path) -> None:
    """XlsxWriter with constant memory, without styles."""
    book = FastWorkbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate((HEADER, *rows)):
        sheet.write_row(number, 0, row)
    book.close()


class _Numbered(Canvas):  # type: ignore[misc]  # ReportLab has no types
    """The recipe for `page x of y`: all pages are kept, and drawn once their number is known."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - ReportLab's own
        super().__init__(*arguments, **options)
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - ReportLab's name
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, state in enumerate(self._kept, 1):
            self.__dict__.update(state)
            self.drawRightString(780, 20, f"Page {number} of {len(self._kept)}")
            super().showPage()
        super().save()


def usual_pdf(rows: Rows, path: Path) -> None:
    """platypus: a cover and one LongTable that repeats its header."""
    texts = [HEADER, *([str(cell) for cell in row] for row in rows)]
    table = LongTable(texts, repeatRows=1)
    table.setStyle([("GRID", (0, 0), (-1, -1), 0.25, colors.grey), ("FONTSIZE", (0, 0), (-1, -1), 7)])
    story = [Paragraph("Transactions", getSampleStyleSheet()["Title"]), PageBreak(), table]
    SimpleDocTemplate(str(path), pagesize=landscape(A4)).build(story, canvasmaker=_Numbered)


def bare_pdf(rows: Rows, path: Path) -> None:
    """The canvas alone: cells at fixed places, a standard font, no header, no wrapping."""
    canvas = Canvas(str(path), pagesize=landscape(A4))
    for start in range(0, len(rows), ROWS_A_PAGE):
        canvas.setFont("Helvetica", 7)
        for number, row in enumerate(rows[start : start + ROWS_A_PAGE]):
            for column, cell in enumerate(row):
                canvas.drawString(40 + 105 * column, 540 - 13 * number, str(cell))
        canvas.showPage()
    canvas.save()
