"""Fonts in the file: only the glyphs that were shown, with what they mean, so that text can be searched and copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reportlab.pdfbase.pdfdoc import PDFDictionary, PDFName, PDFObjectReference, PDFString

from wharf.package_worker.pdf.document import Document, array, dictionary
from wharf.package_worker.text.faces import CFF, EM, Face

SYMBOLIC = 4
MOST = 100
"""Lines of a block of a character map, as its format wants."""
CMAP = """/CIDInit /ProcSet findresource begin 12 dict begin begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def /CMapType 2 def
1 begincodespacerange <0000> <FFFF> endcodespacerange
{blocks}
endcmap CMapName currentdict /CMap defineresource pop end end"""


def embed(document: Document, name: str, face: Face) -> PDFObjectReference:
    """Write a face with the glyphs that were shown, addressed by their numbers."""
    return document.emit(
        name,
        dictionary(
            Type=PDFName("Font"),
            Subtype=PDFName("Type0"),
            BaseFont=PDFName(_tagged(face)),
            Encoding=PDFName("Identity-H"),
            DescendantFonts=array(_descendant(document, name, face)),
            ToUnicode=document.emit_stream(f"{name}.meaning", _meanings(face).encode("ascii")),
        ),
    )


def _tagged(face: Face) -> str:
    """The name with the six letters that say that it is a part of the font."""
    number = hash_of(face)
    letters = "".join(chr(ord("A") + (number // 26**place) % 26) for place in range(6))
    return f"{letters}+{face.name}"


def hash_of(face: Face) -> int:
    """A number that differs with the glyphs shown; the same in every process."""
    found = 17
    for glyph in sorted(face.shown):
        found = (found * 31 + glyph) % 26**6
    return found


def _descendant(document: Document, name: str, face: Face) -> PDFObjectReference:
    is_cff = face.kind == CFF
    system = dictionary(Registry=PDFString("Adobe"), Ordering=PDFString("Identity"), Supplement=0)
    entries = {
        "Type": PDFName("Font"),
        "Subtype": PDFName("CIDFontType0" if is_cff else "CIDFontType2"),
        "BaseFont": PDFName(_tagged(face)),
        "CIDSystemInfo": system,
        "FontDescriptor": _descriptor(document, name, face),
        "DW": EM,
        "W": array(*_widths(face)),
        "CIDToGIDMap": None if is_cff else PDFName("Identity"),
    }
    return document.emit(f"{name}.glyphs", dictionary(**entries))


def _descriptor(document: Document, name: str, face: Face) -> PDFObjectReference:
    data = face.outlines()
    if face.kind == CFF:
        file = {"FontFile3": document.emit_stream(f"{name}.file", data, Subtype=PDFName("CIDFontType0C"))}
    else:
        file = {"FontFile2": document.emit_stream(f"{name}.file", data, Length1=len(data))}
    extents, scale = face.font.get_font_extents("ltr"), EM / face.face.upem
    top, bottom = round(extents.ascender * scale), round(extents.descender * scale)
    entries = {
        "Type": PDFName("FontDescriptor"),
        "FontName": PDFName(_tagged(face)),
        "Flags": SYMBOLIC,
        "FontBBox": array(-EM, bottom, 2 * EM, top),
        "ItalicAngle": 0,
        "Ascent": top,
        "Descent": bottom,
        "CapHeight": 714,
        "StemV": 80,
    }
    return document.emit(f"{name}.about", PDFDictionary(entries | file))


def _widths(face: Face) -> Iterator[object]:
    """Runs of glyphs that follow one another: the first, then the widths of all."""
    glyphs = sorted(face.shown)
    for run in _runs(glyphs):
        yield run[0]
        yield array(*(face.advance(glyph) for glyph in run))


def _runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for number in numbers:
        if run and number != run[-1] + 1:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _meanings(face: Face) -> str:
    lines = [f"<{glyph:04X}> <{text.encode('utf-16-be').hex()}>" for glyph, text in sorted(face.shown.items()) if text]
    blocks = [lines[start : start + MOST] for start in range(0, len(lines), MOST)]
    return CMAP.format(blocks="\n".join(f"{len(b)} beginbfchar\n" + "\n".join(b) + "\nendbfchar" for b in blocks))
