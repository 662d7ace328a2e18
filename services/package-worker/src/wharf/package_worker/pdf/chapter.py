"""A chapter: one section of the report, page after page."""

from __future__ import annotations

from contextlib import ExitStack

from wharf.package_worker.pdf.book import Book
from wharf.package_worker.pdf.ink import ACCENT, BLACK, GREY, LIGHT, POINT, Ink
from wharf.package_worker.pdf.measures import SIZE
from wharf.package_worker.text import Style

TITLE, PROSE, PROSE_LEADING = 1800, 950, 1350
FONT = b"0.11 0.13 0.16 rg BT /F0 %d Tf\n" % SIZE
RULE = b"%.3g %.3g %.3g RG 35 w\n" % LIGHT


class Chapter:
    """The open page of a section, and the height that was reached on it."""

    def __init__(self, book: Book, title: str, number: int) -> None:
        self._book, self.title, self._number = book, title, number
        self.is_in_table = False
        """Whether the open page has a table's header above the height reached."""
        self._text: list[bytes] = []
        self._rules: list[bytes] = []
        self._open = ExitStack()
        self._begin_page()
        self.first_page = book.number

    def begin(self, text: str, rows: str) -> None:
        """The chapter's opening: its title, what it shows, how many rows."""
        ink, paper = self.ink, self._book.paper
        self.top -= TITLE
        ink.text(paper.left, self.top, f"{self._number}", TITLE, Style.BOLD, colour=ACCENT)
        beside = paper.left + self._book.setter.width(f"{self._number}", TITLE, Style.BOLD) + 8 * POINT
        room = paper.left + paper.inner - beside
        ink.text(beside, self.top, self._book.setter.shorten(self.title, TITLE, room, Style.BOLD), TITLE, Style.BOLD)
        self.top -= 700
        self.prose(text)
        self.top -= 300
        self.prose(rows, size=800, grey=True)
        self.top -= 900
        self._book.outline.add(
            0, f"{self._number}  {self.title}", self._book.page(self._book.number), paper.height / POINT
        )

    def prose(self, text: str, size: int = PROSE, *, grey: bool = False) -> None:
        """A paragraph across the page, at a width that reads well."""
        paper = self._book.paper
        leading = PROSE_LEADING * size // PROSE
        for line in self._book.setter.lines(text, size, min(paper.inner, 480 * POINT)) if text else ():
            if self.top - leading < paper.bottom:
                self.turn()
            self.top -= leading
            self.ink.text(paper.left, self.top, line, size, colour=GREY if grey else BLACK)

    def turn(self) -> None:
        """Write the page, and begin the next one."""
        self.close()
        self._begin_page()

    def close(self) -> None:
        """Write the page."""
        if self._text:
            self.ink.raw(RULE + b"".join(self._rules) + b"S\n")
            self.ink.raw(FONT + b"".join(self._text) + b"ET\n")
        self._open.close()

    def add_rows(self, text: bytes, rules: bytes) -> None:
        """Rows of a table that are ready to be shown."""
        self._text.append(text)
        self._rules.append(rules)

    def _begin_page(self) -> None:
        self._text, self._rules, self.is_in_table = [], [], False
        self.ink: Ink = self._open.enter_context(self._book.next_page(f"{self._number}  {self.title}"))
        self.top = self._book.paper.ceiling
