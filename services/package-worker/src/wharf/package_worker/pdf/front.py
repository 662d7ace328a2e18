"""What stands before the sections: the cover and the table of contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wharf.package_worker.pdf.book import Book
from wharf.package_worker.pdf.ink import ACCENT, GREY, LIGHT, POINT, Ink
from wharf.package_worker.text import Style

ENTRIES_A_PAGE = 20
"""Of the contents: few enough for the lower of the papers."""
TITLE, LEADING = 3200, 3900
ENTRY, ENTRY_LEADING = 1050, 19 * POINT


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the contents."""

    number: int
    title: str
    page: int


def draw_cover(book: Book, page: int) -> None:
    """The first page: what this is, of what, and when it was true."""
    content, paper, ink = book.content, book.paper, Ink(book.setter)
    left, top = paper.left + 6 * POINT, paper.height * 66 // 100
    ink.area(0, 0, 14 * POINT, paper.height, ACCENT)
    ink.text(left, paper.height - 70 * POINT, content.author, 1000, colour=GREY)
    for line in book.setter.lines(content.type.title, TITLE, paper.inner, Style.BOLD):
        ink.text(left, top, line, TITLE, Style.BOLD)
        top -= LEADING
    for line in book.setter.lines(content.type.description, 1200, min(paper.inner, 400 * POINT)):
        ink.text(left, top, line, 1200, colour=GREY)
        top -= 1700
    _draw_facts(book, ink, left, paper.bottom + 110 * POINT)
    book.write(page, ink)


def _draw_facts(book: Book, ink: Ink, left: int, top: int) -> None:
    content = book.content
    facts = (
        ("Project", content.project),
        ("Data as of", f"{content.as_of:%Y-%m-%d %H:%M} UTC"),
        ("Rows", f"{content.rows:,}".replace(",", content.locale.group)),
        ("Pages", f"{book.number:,}".replace(",", content.locale.group)),
    )
    ink.line(left, top + 16 * POINT, left + 300 * POINT, top + 16 * POINT, ACCENT, width=120)
    for label, value in facts:
        ink.text(left, top, label, 900, colour=GREY)
        ink.text(left + 90 * POINT, top, book.setter.shorten(value, 900, 240 * POINT), 900)
        top -= 16 * POINT


def draw_contents(book: Book, page: int, entries: Sequence[Entry]) -> None:
    """A page of the contents: each line leads to its section."""
    paper, ink = book.paper, Ink(book.setter)
    right, top = paper.width - paper.right, paper.ceiling - 10 * POINT
    ink.text(paper.left, top, "Contents", 1800, Style.BOLD)
    top -= 14 * POINT
    ink.line(paper.left, top, right, top, ACCENT, width=120)
    links = []
    for entry in entries:
        top -= ENTRY_LEADING
        _draw_entry(book, ink, entry, top)
        box = (paper.left, top - 4 * POINT, right, top + 12 * POINT)
        links.append((box, entry.page))
    book.write(page, ink, tuple(links))


def _draw_entry(book: Book, ink: Ink, entry: Entry, low: int) -> None:
    paper, setter = book.paper, book.setter
    right, start = paper.width - paper.right, paper.left + 24 * POINT
    figure = setter.width(str(entry.page), ENTRY)
    title = setter.shorten(entry.title, ENTRY, right - start - figure - 30 * POINT)
    ink.text(paper.left, low, str(entry.number), ENTRY, Style.BOLD, colour=ACCENT)
    ink.text(start, low, title, ENTRY)
    ink.text(right, low, str(entry.page), ENTRY, align=1)
    begin, end = start + setter.width(title, ENTRY) + 6 * POINT, right - figure - 6 * POINT
    ink.raw(b"[60 300] 0 d 1 J\n")
    ink.line(begin, low + 100, max(end, begin), low + 100, LIGHT, width=80)
    ink.raw(b"[] 0 d 0 J\n")
