"""A whole report: its sections first, then the cover and the contents, which stand before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from wharf.package_worker.content import Content, Filled, Reached, Written, nobody_asks
from wharf.package_worker.pdf.book import Book
from wharf.package_worker.pdf.chapter import Chapter
from wharf.package_worker.pdf.chart import Series, chart_height, draw_chart
from wharf.package_worker.pdf.datasheets import Datasheets
from wharf.package_worker.pdf.front import ENTRIES_A_PAGE, Entry, draw_contents, draw_cover
from wharf.package_worker.pdf.ink import POINT
from wharf.package_worker.pdf.table import Table


def write_pdf(content: Content, stream: BinaryIO, reached: Reached = nobody_asks) -> Written:
    """Write the package as a PDF; the same content gives the same bytes."""
    sections = content.for_format("pdf")
    contents = -(-len(sections) // ENTRIES_A_PAGE)
    book = Book(content, stream, reached, front=1 + contents)
    entries = [_draw_section(book, filled, number) for number, filled in enumerate(sections, 1)]
    draw_cover(book, 1)
    _draw_contents(book, entries)
    book.finish()
    return Written(book.rows, pages=book.number)


def _draw_contents(book: Book, entries: Sequence[Entry]) -> None:
    for number in range(0, len(entries), ENTRIES_A_PAGE):
        draw_contents(book, 2 + number // ENTRIES_A_PAGE, entries[number : number + ENTRIES_A_PAGE])


def _draw_section(book: Book, filled: Filled, number: int) -> Entry:
    section = filled.section
    chapter = Chapter(book, section.title, number)
    chapter.begin(section.text, _counted(filled, book.content.locale.group))
    if section.chart and filled.rows:
        _draw_chart(book, filled, chapter)
    if not filled.rows:
        chapter.prose("There are no rows: nothing was loaded that this section shows.", grey=True)
    elif section.layout == "datasheets":
        Datasheets(book, filled, chapter).draw()
    else:
        Table(book, filled, chapter).draw()
    chapter.close()
    return Entry(number, section.title, chapter.first_page)


def _counted(filled: Filled, mark: str) -> str:
    return f"{filled.rows:,} {'row' if filled.rows == 1 else 'rows'}".replace(",", mark)


def _draw_chart(book: Book, filled: Filled, chapter: Chapter) -> None:
    chart = filled.section.chart
    if chart is None:
        return
    series = Series.of(filled, chart, book.content.locale)
    height = chart_height(chart, series)
    if chapter.top - height < book.paper.bottom:
        chapter.turn()
    draw_chart(
        chapter.ink, chart, series, left=book.paper.left, top=chapter.top, width=min(book.paper.inner, 540 * POINT)
    )
    chapter.top -= height
