"""The first sheet: what the workbook is, links to its sheets, and the charts."""

from __future__ import annotations

from collections.abc import Sequence

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from wharf.common.packages import Chart
from wharf.package_worker.content import Content
from wharf.package_worker.pdf.chart import Series
from wharf.package_worker.workbook.sheets import SUMMARY, Sheet

ACCENT = "#12547D"
CHART_ROWS = 18
"""The rows of the sheet that a chart covers."""
WIDTH, HEIGHT = 640, 330
ALL_NAMED = 15
"""Bars that have room for a label each."""
THOUSAND = 1000
"""Figures from here on have marks between their thousands."""


def write_summary(book: Workbook, content: Content, sheets: Sequence[Sheet]) -> None:
    """Write the summary."""
    page = book.add_worksheet(SUMMARY)
    page.hide_gridlines(2)
    page.fit_to_pages(1, 0)
    page.set_column(0, 0, 34)
    page.set_column(1, 1, 22)
    page.set_column(2, 2, 60)
    page.write_string(0, 0, content.type.title, book.add_format({"bold": True, "font_size": 20, "font_color": ACCENT}))
    page.set_row(0, 30)
    page.write_string(1, 0, content.type.description, book.add_format({"font_color": "#6B7280"}))
    row = _write_facts(book, page, content)
    row = _write_links(book, page, sheets, row + 1)
    _write_charts(book, page, content, sheets, row + 1)


def _write_facts(book: Workbook, page: Worksheet, content: Content) -> int:
    label = book.add_format({"font_color": "#6B7280"})
    figure = book.add_format({"num_format": "#,##0", "align": "left"})
    page.write_string(3, 0, "Project", label)
    page.write_string(3, 1, content.project)
    page.write_string(4, 0, "Data as of (all times are UTC)", label)
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm", "align": "left"})
    page.write_datetime(4, 1, content.as_of.replace(tzinfo=None, microsecond=0), moment)
    page.write_string(5, 0, "Rows", label)
    page.write_number(5, 1, content.rows, figure)
    return 6


def _write_links(book: Workbook, page: Worksheet, sheets: Sequence[Sheet], row: int) -> int:
    head = book.add_format({"bold": True, "bg_color": ACCENT, "font_color": "#FFFFFF"})
    link = book.add_format({"font_color": ACCENT, "underline": 1})
    for column, title in enumerate(("Sheet", "Rows", "What it shows")):
        page.write_string(row, column, title, head)
    for number, sheet in enumerate(sheets, row + 1):
        quoted = sheet.name.replace("'", "''")
        page.write_url(number, 0, f"internal:'{quoted}'!A1", link, sheet.name)
        page.write_number(number, 1, sheet.rows, book.add_format({"num_format": "#,##0", "align": "left"}))
        page.write_string(number, 2, sheet.filled.section.text[:250])
    return row + len(sheets) + 1


def _write_charts(book: Workbook, page: Worksheet, content: Content, sheets: Sequence[Sheet], row: int) -> None:
    for sheet in sheets:
        chart = sheet.filled.section.chart
        if chart and sheet.rows and not sheet.start:
            page.insert_chart(row, 0, _native(book, chart, sheet, content))
            row += CHART_ROWS


def _native(book: Workbook, chart: Chart, sheet: Sheet, content: Content) -> object:
    """A chart of the spreadsheet's own, over the cells of the section's sheet."""
    names = [column.name for column in sheet.filled.columns]
    last = min(chart.most, sheet.rows)
    series = Series.of(sheet.filled, chart, content.locale)
    native = book.add_chart({"type": chart.kind})
    native.add_series(
        {
            "name": chart.title,
            "categories": [sheet.name, 1, names.index(chart.label), last, names.index(chart.label)],
            "values": [sheet.name, 1, names.index(chart.value), last, names.index(chart.value)],
            "categories_data": list(series.labels),
            "values_data": list(series.values),
            "fill": {"color": ACCENT},
            "line": {"color": ACCENT, "width": 2},
            "gap": 60,
        }
    )
    native.set_title({"name": chart.title, "name_font": {"size": 12}})
    native.set_legend({"none": True})
    native.set_size({"width": WIDTH, "height": HEIGHT})
    figures = {"num_format": "#,##0"} if max(series.values) >= THOUSAND else {}
    if chart.kind == "bar":
        # From the top down, as the sheet's rows, and the figures at the bottom nevertheless
        named = {"interval_unit": 1, "num_font": {"size": 8}} if len(series.labels) <= ALL_NAMED else {}
        native.set_y_axis({"reverse": True, "crossing": "max", **named})
        native.set_x_axis(figures)
    else:
        native.set_y_axis(figures)
    return native
