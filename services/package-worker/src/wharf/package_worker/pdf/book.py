"""The pages of one PDF: numbered, with running heads, written one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO

from reportlab.pdfbase.pdfdoc import PDFCatalog, PDFName, PDFObjectReference, PDFString

from wharf.package_worker.content import Content, Reached
from wharf.package_worker.pdf.document import Document, Outline, array, date, dictionary
from wharf.package_worker.pdf.fonts import embed
from wharf.package_worker.pdf.ink import GREY, LIGHT, POINT, Ink
from wharf.package_worker.pdf.measures import SMALL, Paper
from wharf.package_worker.pdf.spelling import Speller
from wharf.package_worker.pdf.type import Setter

FOOT = 30 * POINT
TOTAL = "Total"
"""The drawing that says how many pages there are: all pages show it, and it is written last."""


@dataclass
class Book:
    """A PDF in the making. `begin` and `end` bracket each page; what is drawn in between goes to its ink."""

    content: Content
    stream: BinaryIO
    reached: Reached
    front: int
    """The pages before the first section, which are drawn last: cover and contents."""
    setter: Setter = field(default_factory=Setter)
    rows: int = 0
    _heads: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.paper = Paper.of(self.content.type.page)
        self.document = Document(self.stream, language=self.content.locale.name)
        self.speller = Speller(self.setter.family)
        self.outline = Outline(self.document)
        self.number = self.front

    def page(self, number: int) -> PDFObjectReference:
        """A reference to a page, drawn or not."""
        return self.document.reserve(f"Page{number}")

    @contextmanager
    def next_page(self, chapter: str) -> Iterator[Ink]:
        """A further page of a chapter, with its running head and foot."""
        self.number += 1
        ink = Ink(self.setter)
        self._head(ink, chapter)
        yield ink
        self.write(self.number, ink)
        self.reached(self.number, self.rows)

    def write(self, number: int, ink: Ink, links: tuple[tuple[tuple[int, int, int, int], int], ...] = ()) -> None:
        """Write a page; `links` are rectangles and the pages to which they lead."""
        name = f"Page{number}"
        notes = [
            dictionary(
                Type=PDFName("Annot"),
                Subtype=PDFName("Link"),
                Rect=array(*(side / POINT for side in box)),
                Border=array(0, 0, 0),
                Dest=array(self.page(target), PDFName("XYZ"), 0, self.paper.height / POINT, 0),
            )
            for box, target in links
        ]
        page = dictionary(
            Type=PDFName("Page"),
            Parent=self.document.reserve("Pages"),
            MediaBox=array(0, 0, self.paper.width / POINT, self.paper.height / POINT),
            Resources=self.document.reserve("Resources"),
            Contents=self.document.emit_stream(f"{name}.content", ink.code),
            Annots=array(*notes) if notes else None,
        )
        self.document.emit(name, page)

    def finish(self) -> None:
        """Write what all pages share: fonts, the number of pages, bookmarks, what the file says of itself."""
        kids = array(*(self.page(number + 1) for number in range(self.number)))
        self.document.emit("Pages", dictionary(Type=PDFName("Pages"), Kids=kids, Count=self.number))
        total = self._total()
        self.speller.note_shown()
        fonts = {name: embed(self.document, f"Font{name}", face) for name, face in self.setter.fonts.items()}
        resources = dictionary(Font=dictionary(**fonts), XObject=dictionary(**{TOTAL: total}))
        self.document.emit("Resources", resources)
        self.document.updateSignature(self.content.fingerprint.encode())
        self.document.finish(self._catalog(), self._info())

    def _head(self, ink: Ink, chapter: str) -> None:
        if chapter not in self._heads:
            self._heads[chapter] = self._frame(chapter)
        ink.raw(self._heads[chapter])
        right = self.paper.width - self.paper.right - self._room
        ink.text(right, FOOT, f"Page {self.number} of\u00a0", SMALL, colour=GREY, align=1)

    def _frame(self, chapter: str) -> bytes:
        """What stands on every page of a chapter."""
        ink = Ink(self.setter, parts=[])
        paper, right = self.paper, self.paper.width - self.paper.right
        high, low = paper.height - 36 * POINT, FOOT
        half = paper.inner // 2 - 6 * POINT
        ink.text(paper.left, high, self.setter.shorten(self.content.type.title, SMALL, half), SMALL, colour=GREY)
        ink.text(right, high, self.setter.shorten(chapter, SMALL, half), SMALL, colour=GREY, align=1)
        ink.line(paper.left, high - 6 * POINT, right, high - 6 * POINT, LIGHT)
        about = f"{self.content.project} \u00b7 {self.content.as_of:%Y-%m-%d %H:%M} UTC"
        ink.text(paper.left, low, self.setter.shorten(about, SMALL, half), SMALL, colour=GREY)
        ink.raw(b"q 1 0 0 1 %d %d cm /%s Do Q\n" % (right - self._room, low, TOTAL.encode()))
        return ink.code

    @cached_property
    def _room(self) -> int:
        """What is kept for the number of pages."""
        return self.setter.width("0000", SMALL)

    def _total(self) -> PDFObjectReference:
        ink = Ink(self.setter, parts=[])
        ink.text(0, 0, str(self.number), SMALL, colour=GREY)
        return self.document.emit_stream(
            TOTAL,
            ink.code,
            Type=PDFName("XObject"),
            Subtype=PDFName("Form"),
            BBox=array(0, -SMALL, 10 * SMALL, 2 * SMALL),
            Resources=self.document.reserve("Resources"),
        )

    def _catalog(self) -> PDFCatalog:
        outlines = self.outline.write()
        return dictionary(
            Type=PDFName("Catalog"),
            Pages=self.document.reserve("Pages"),
            Lang=PDFString(self.content.locale.name),
            Outlines=outlines,
            PageMode=PDFName("UseOutlines") if outlines else None,
            ViewerPreferences=dictionary(DisplayDocTitle="true"),
        )

    def _info(self) -> object:
        content = self.content
        return dictionary(
            Title=PDFString(f"{content.type.title} \u2013 {content.project}"),
            Author=PDFString(content.author),
            Subject=PDFString(content.type.description),
            Creator=PDFString("Wharf"),
            Producer=PDFString("Wharf, with ReportLab"),
            CreationDate=date(content.as_of),
            ModDate=date(content.as_of),
        )
