"""Datasheets: one page for each row, its fields in two columns below a headline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from wharf.package_worker.content import Filled
from wharf.package_worker.figures import written
from wharf.package_worker.pdf.book import Book
from wharf.package_worker.pdf.chapter import Chapter
from wharf.package_worker.pdf.ink import ACCENT, GREY, LIGHT, POINT
from wharf.package_worker.text import Style

HEADLINE, LABEL, VALUE, LEADING = 1600, 720, 900, 1200
PROPERTIES = "properties"
SHORT = 60
"""A field with more letters has the whole width."""
NONE = "\u2013"
Field = tuple[str, str]
"""A title and a text."""


class Datasheets:
    """A page for each row of a section."""

    def __init__(self, book: Book, filled: Filled, chapter: Chapter) -> None:
        self._book, self._filled, self._chapter = book, filled, chapter
        names = [column.name for column in filled.columns]
        self._heading = names.index(filled.section.heading or names[0])

    def draw(self) -> None:
        """All rows; each is a bookmark below the chapter's."""
        for batch in self._filled.batches():
            for texts in self._rows(batch):
                self._chapter.turn()
                self._draw_sheet(texts)
                self._book.rows += 1

    def _rows(self, batch: pa.RecordBatch) -> Iterator[tuple[str, ...]]:
        locale = self._book.content.locale
        columns = [
            written(values, column, locale).to_pylist()
            for values, column in zip(batch.columns, self._filled.columns, strict=True)
        ]
        return zip(*columns, strict=True)

    def _draw_sheet(self, texts: tuple[str, ...]) -> None:
        chapter, paper, setter = self._chapter, self._book.paper, self._book.setter
        headline = texts[self._heading] or NONE
        chapter.top -= HEADLINE + 400
        ink = chapter.ink
        ink.text(
            paper.left, chapter.top, setter.shorten(headline, HEADLINE, paper.inner, Style.BOLD), HEADLINE, Style.BOLD
        )
        self._book.outline.add(1, headline[:200], self._book.page(self._book.number), paper.height / POINT)
        chapter.top -= 900
        ink.line(paper.left, chapter.top, paper.left + paper.inner, chapter.top, ACCENT, width=120)
        chapter.top -= 600
        self._draw_fields(self._fields(texts))

    def _fields(self, texts: tuple[str, ...]) -> Iterator[Field]:
        """What stands below the headline; all properties of a row are a field each."""
        for number, (column, text) in enumerate(zip(self._filled.columns, texts, strict=True)):
            if column.source == PROPERTIES and not column.from_property:
                yield from _pairs(text)
            elif number != self._heading:
                yield column.title, text

    def _draw_fields(self, fields: Iterable[Field]) -> None:
        """Short fields two by two, long ones across the page."""
        waiting: list[Field] = []
        for title, text in fields:
            if len(text) > SHORT or "\n" in text:
                self._draw_line(waiting)
                waiting = []
                self._draw_line([(title, text)])
            else:
                waiting.append((title, text))
                if len(waiting) == 2:  # noqa: PLR2004 - the columns of a datasheet
                    self._draw_line(waiting)
                    waiting = []
        self._draw_line(waiting)

    def _draw_line(self, fields: list[Field]) -> None:
        if not fields:
            return
        paper, setter = self._book.paper, self._book.setter
        is_long = len(fields[0][1]) > SHORT or "\n" in fields[0][1]
        room = paper.inner if is_long else paper.inner // 2 - 10 * POINT
        lines = [list(setter.lines(text or NONE, VALUE, room)) for _, text in fields]
        height = max(map(len, lines)) * LEADING + LABEL + 1100
        if self._chapter.top - min(height, 5 * LEADING) < paper.bottom:
            self._chapter.turn()
        second = paper.inner // 2 + 10 * POINT
        self._chapter.top = min(
            self._draw_field(title, said, paper.left + number * second, room)
            for number, ((title, _), said) in enumerate(zip(fields, lines, strict=True))
        )

    def _draw_field(self, title: str, lines: list[str], x: int, room: int) -> int:
        """Draw a field; gives the height at which the next one begins. Only one across the page may turn it."""
        chapter, setter = self._chapter, self._book.setter
        top = chapter.top - LABEL - 200
        chapter.ink.text(x, top, setter.shorten(title, LABEL, room), LABEL, colour=GREY)
        for line in lines:
            if top - LEADING < self._book.paper.bottom:
                chapter.turn()
                top = chapter.top
            top -= LEADING
            chapter.ink.text(x, top, line, VALUE)
        chapter.ink.line(x, top - 450, x + room, top - 450, LIGHT, width=35)
        return top - 900


def _pairs(text: str) -> Iterator[Field]:
    for line in text.splitlines():
        name, mark, value = line.partition(": ")
        if mark:
            yield name.replace("_", " ").capitalize(), value
        elif line.strip():
            yield "", line
