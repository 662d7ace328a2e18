"""All of a workbook but the rows: styles, headers, widths, filters, totals, links, charts, properties."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format as CellFormat
from xlsxwriter.worksheet import Worksheet

from wharf.common.packages import NUMERIC, Format, ReportColumn
from wharf.package_worker.content import Content
from wharf.package_worker.figures import written
from wharf.package_worker.workbook.sheets import Sheet, same_section
from wharf.package_worker.workbook.summary import write_summary

NARROWEST, WIDEST = 8.0, 60.0
"""In letters, as spreadsheets measure columns."""
SAMPLE, LEAST_SAMPLE = 5_000, 20
"""Cells by which the widths are chosen, and of how many rows at least."""
OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
SHAPES = {Format.DATE: "yyyy-mm-dd", Format.TIMESTAMP: "yyyy-mm-dd hh:mm", Format.MONTH: "yyyy-mm"}
HEADER = {"bold": True, "bg_color": "#12547D", "font_color": "#FFFFFF", "valign": "vcenter", "text_wrap": True}
EMPTY = "There are no rows: nothing was loaded that this section shows."


def frame_of(content: Content, sheets: Sequence[Sheet]) -> BytesIO:
    """A workbook in which row 2 of each sheet shows the styles of its columns, where the rows will be."""
    stream = BytesIO()
    book = Workbook(stream, OPTIONS)
    styles = _Styles(book)
    _describe(book, content)
    write_summary(book, content, sheets)
    for sheet in sheets:
        _write_sheet(book.add_worksheet(sheet.name), sheet, sheets, styles, content)
    book.close()
    stream.seek(0)
    return stream


def number_format(column: ReportColumn) -> str:
    """The number format of a column; `General` of text."""
    if column.format in NUMERIC:
        return "#,##0" + ("." + "0" * column.places if column.places else "")
    return SHAPES.get(column.format, "General")


class _Styles:
    """The cell formats, each made once."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], CellFormat] = {}

    def of(self, **properties: object) -> CellFormat:
        """The format with these properties."""
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format(properties)
        return self._made[key]

    def of_column(self, column: ReportColumn, **more: object) -> CellFormat:
        """The format of a column's cells."""
        return self.of(num_format=number_format(column), valign="top", **more)


def _describe(book: Workbook, content: Content) -> None:
    created = content.as_of.replace(tzinfo=None, microsecond=0)
    book.set_properties(
        {
            "title": f"{content.type.title} \u2013 {content.project}",
            "subject": content.type.description,
            "author": content.author,
            "comments": f"Data as of {content.as_of:%Y-%m-%d %H:%M} UTC",
            "created": created,
        }
    )


def _write_sheet(page: Worksheet, sheet: Sheet, sheets: Sequence[Sheet], styles: _Styles, content: Content) -> None:
    columns, last = sheet.filled.columns, len(sheet.filled.columns) - 1
    for number, (column, width) in enumerate(zip(columns, _widths(sheet, content), strict=True)):
        page.set_column(number, number, width)
        align = "right" if column.format in NUMERIC else "left"
        page.write_string(0, number, column.title, styles.of(**HEADER, align=align))
        page.write_blank(1, number, None, styles.of_column(column))
    page.set_row(0, 20)
    page.freeze_panes(1, 1 if last else 0)
    page.autofilter(0, 0, max(sheet.rows, 1), last)
    page.set_landscape()
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    if not sheet.rows:
        page.write_string(1, 0, EMPTY)
    if sheet.has_totals:
        _write_totals(page, sheet, same_section(sheets, sheet.filled), styles)


def _write_totals(page: Worksheet, sheet: Sheet, parts: Sequence[Sheet], styles: _Styles) -> None:
    """Sums of what the filter shows, with the value that the rows have."""
    row, columns = sheet.rows + 1, sheet.filled.columns
    for number, column in enumerate(columns):
        value = sheet.filled.totals.get(column.name)
        style = styles.of_column(column, bold=True, top=1)
        if value is not None:
            formula = "+".join(f"SUBTOTAL(9,{part.cells(number)})" for part in parts)
            page.write_formula(row, number, f"={formula}", style, value)
        elif number == 0:
            page.write_string(row, number, "Total", style)
        else:
            page.write_blank(row, number, None, style)


def _widths(sheet: Sheet, content: Content) -> list[float]:
    sample = sheet.filled.first_rows(max(SAMPLE // len(sheet.filled.columns), LEAST_SAMPLE))
    found = []
    for number, column in enumerate(sheet.filled.columns):
        texts = written(sample.column(number).combine_chunks(), column, content.locale).to_pylist()
        total = sheet.filled.totals.get(column.name)
        longest = max([len(text) for text in texts] + [len(column.title) + 3, len(f"{total or 0:,.2f}")])
        found.append(min(max(longest * 1.05 + 1.5, NARROWEST), WIDEST))
    return found
