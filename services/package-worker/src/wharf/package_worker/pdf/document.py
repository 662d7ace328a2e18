"""A ReportLab document that writes its pages as they come, so that its memory does not grow with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, BinaryIO

from isal import isal_zlib
from reportlab.pdfbase import pdfdoc
from reportlab.pdfbase.pdfdoc import (
    PDFArray,
    PDFCatalog,
    PDFDictionary,
    PDFFile,
    PDFIndirectObject,
    PDFName,
    PDFObjectReference,
    PDFStream,
    PDFString,
)

LEVEL = 2
"""Of isal's 0 to 3: half a percent larger than zlib's first level, in a quarter of its time."""


class _Output(PDFFile):  # type: ignore[misc]  # ReportLab has no types
    """ReportLab's output, which goes to a file at once instead of into a list."""

    def __init__(self, stream: BinaryIO, version: tuple[int, int]) -> None:
        self.write = stream.write
        self.offset = 0
        self.add(b"%%PDF-%d.%d\n%%\x93\x8c\x8b\x9e\n" % version)


class _Written:
    """Stands for an object that is in the file already."""


class Document(pdfdoc.PDFDocument):  # type: ignore[misc]  # ReportLab has no types
    """Objects by name, each written once: at once with `emit`, or at the end."""

    def __init__(self, stream: BinaryIO, *, language: str) -> None:
        super().__init__(invariant=1, pdfVersion=(1, 7), lang=language)
        self._output = _Output(stream, self._pdfVersion)

    def reserve(self, name: str) -> PDFObjectReference:
        """A reference to an object that is written later."""
        return self.Reference(_Written(), name) if name not in self.idToObject else PDFObjectReference(name)

    def emit(self, name: str, value: object) -> PDFObjectReference:
        """Write an object now, and forget all but its place."""
        reference = self.reserve(name)
        self.idToOffset[name] = self._output.add(PDFIndirectObject(name, value).format(self))
        return reference

    def emit_stream(self, name: str, data: bytes, **entries: object) -> PDFObjectReference:
        """Write a stream, deflated."""
        entries["Filter"] = PDFName("FlateDecode")
        packed = isal_zlib.compress(data, LEVEL)
        return self.emit(name, PDFStream(PDFDictionary(entries), packed + b"\n", filters=()))

    def finish(self, catalog: PDFCatalog, info: PDFDictionary) -> None:
        """Write what is left, the table of objects and the trailer."""
        root, about = self.emit("Root", catalog), self.emit("Info", info)
        names = [self.numberToId[number + 1] for number in range(len(self.numberToId))]
        for name in names:
            if name not in self.idToOffset:
                self.emit(name, self.idToObject[name])
        table = pdfdoc.PDFCrossReferenceTable()
        table.addsection(0, names)
        place = self._output.add(table.format(self))
        trailer = pdfdoc.PDFTrailer(startxref=place, Size=len(names) + 1, Root=root, Info=about, ID=self.ID())
        self._output.add(trailer.format(self))


def dictionary(**entries: object) -> PDFDictionary:
    """A PDF dictionary; entries of None are left out."""
    return PDFDictionary({name: value for name, value in entries.items() if value is not None})


def array(*values: object) -> PDFArray:
    """A PDF array on one line."""
    made = PDFArray(values)
    made.multiline = False
    return made


def date(at: datetime) -> PDFString:
    """A time as a PDF says it."""
    return PDFString(at.strftime("D:%Y%m%d%H%M%SZ"))


class Outline:
    """The bookmarks: a tree of titles, each with a page and a height on it."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._entries: list[tuple[int, str, PDFArray]] = []

    def add(self, level: int, title: str, page: PDFObjectReference, top: float) -> None:
        """A bookmark below the last one of the level before."""
        self._entries.append((level, title, array(page, PDFName("XYZ"), 0, top, 0)))

    def write(self) -> PDFObjectReference | None:
        """Write all; None where there are none."""
        if not self._entries:
            return None
        children: dict[int, list[int]] = {-1: []}
        open_: list[int] = []
        for number, (level, _, _) in enumerate(self._entries):
            del open_[level:]
            children[open_[-1] if open_ else -1].append(number)
            children[number] = []
            open_.append(number)
        for parent, below in children.items():
            self._write_siblings(parent, below, children)
        return self._document.emit("Outlines", self._node(-1, children, {"Type": PDFName("Outlines")}))

    def _write_siblings(self, parent: int, below: Sequence[int], children: dict[int, list[int]]) -> None:
        for place, number in enumerate(below):
            _, title, target = self._entries[number]
            entries: dict[str, Any] = {"Title": PDFString(title), "Dest": target, "Parent": self._named(parent)}
            if place:
                entries["Prev"] = self._named(below[place - 1])
            if place + 1 < len(below):
                entries["Next"] = self._named(below[place + 1])
            self._document.emit(f"Outline{number}", self._node(number, children, entries))

    def _node(self, number: int, children: dict[int, list[int]], entries: dict[str, Any]) -> PDFDictionary:
        if below := children[number]:
            count = len(below) if number < 0 else -len(below)
            entries |= {"First": self._named(below[0]), "Last": self._named(below[-1]), "Count": count}
        return PDFDictionary(entries)

    def _named(self, number: int) -> PDFObjectReference:
        return self._document.reserve("Outlines" if number < 0 else f"Outline{number}")
