"""Text that is more than a row of simple letters: other scripts, joined letters, right to left."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

import uharfbuzz as hb
from bidi.algorithm import get_display

from wharf.package_worker.text.faces import EM, Face
from wharf.package_worker.text.family import CAREFUL, MISSING, RIGHT_TO_LEFT, Family, Style

MARKS = frozenset({"Mn", "Me", "Mc", "Cf"})
"""Letters that belong to the one before them."""
INVISIBLE = frozenset(
    "\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u00ad"
)


@dataclass(frozen=True, slots=True)
class Shaped:
    """Glyphs of one face in the order in which they are drawn; widths and offsets in thousandths of the size."""

    face: Face
    glyphs: tuple[int, ...]
    advances: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]

    @property
    def width(self) -> int:
        """The width of all."""
        return sum(self.advances)


class Shaper:
    """Shapes one line of text at a time, and remembers it: cells of a report repeat."""

    REMEMBERED = 20_000

    def __init__(self, family: Family) -> None:
        self.family = family
        self._known: dict[tuple[str, Style], tuple[Shaped, ...]] = {}

    def shape(self, text: str, style: Style) -> tuple[Shaped, ...]:
        """The runs of a line, from left to right."""
        found = self._known.get((text, style))
        if found is None:
            if len(self._known) >= self.REMEMBERED:
                self._known.clear()
            found = self._known[text, style] = tuple(self._runs(text, style))
        return found

    def width(self, text: str, style: Style) -> int:
        """The width of a line in thousandths of the size."""
        return sum(run.width for run in self.shape(text, style))

    def _runs(self, text: str, style: Style) -> Iterator[Shaped]:
        for face, backwards, run in self._parts(self._shown(text), style):
            yield _shape(face, run, backwards=backwards)

    def _shown(self, text: str) -> str:
        """As it is drawn: without marks of direction, control characters made visible, in visual order."""
        clean = "".join(_visible(letter) for letter in text if letter not in INVISIBLE)
        return (
            get_display(clean) if any(unicodedata.bidirectional(letter) in RIGHT_TO_LEFT for letter in clean) else clean
        )

    def _parts(self, text: str, style: Style) -> Iterator[tuple[Face, bool, str]]:
        """Pieces of one face and one direction each, in logical order within the piece."""
        faces: list[tuple[Face, bool]] = []
        letters: list[str] = []
        for letter in text:
            face = self.family.face_for(letter, style)
            backwards = unicodedata.bidirectional(letter) in RIGHT_TO_LEFT
            if (
                faces
                and unicodedata.category(letter) in MARKS
                and (face is None or letter in "\u200c\u200d\ufe0f" or face is faces[-1][0])
            ):
                face, backwards = faces[-1]
            faces.append((face or self.family.primary[style], backwards))
            letters.append(letter if face else MISSING)
        for (face, backwards), part in groupby(zip(faces, letters, strict=True), key=lambda pair: pair[0]):
            run = "".join(letter for _, letter in part)
            yield face, backwards, run[::-1] if backwards else run


def _visible(letter: str) -> str:
    if letter in "\t\n\r":
        return " "
    return MISSING if unicodedata.category(letter) in {"Cc", "Cs", "Co", "Cn"} else letter


def _shape(face: Face, text: str, *, backwards: bool) -> Shaped:
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if backwards else "ltr"
    hb.shape(face.font, buffer, {"kern": False, "liga": backwards})
    scale = EM / face.face.upem
    for info, stands_for in zip(buffer.glyph_infos, _meanings(buffer, text), strict=True):
        face.shown.setdefault(info.codepoint, stands_for)
    return Shaped(
        face,
        tuple(info.codepoint for info in buffer.glyph_infos),
        tuple(round(place.x_advance * scale) for place in buffer.glyph_positions),
        tuple((round(place.x_offset * scale), round(place.y_offset * scale)) for place in buffer.glyph_positions),
    )


def _meanings(buffer: hb.Buffer, text: str) -> Iterator[str]:
    """The letters that each glyph stands for: those of its cluster, at the cluster's first glyph."""
    starts = sorted({info.cluster for info in buffer.glyph_infos} | {len(text)})
    ends = dict(pairwise(starts))
    seen: set[int] = set()
    for info in buffer.glyph_infos:
        yield "" if info.cluster in seen else text[info.cluster : ends[info.cluster]]
        seen.add(info.cluster)


__all__ = ["CAREFUL", "Shaped", "Shaper"]
