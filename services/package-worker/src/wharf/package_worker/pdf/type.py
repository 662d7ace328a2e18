"""Setting type: lines of text as the operators of a PDF, and where long text is broken."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wharf.package_worker.text import Face, Family, Shaped, Shaper, Style
from wharf.package_worker.text.faces import EM

ELLIPSIS = "\u2026"


class Setter:
    """The type of one document."""

    def __init__(self) -> None:
        self.family = Family()
        self.shaper = Shaper(self.family)
        self._names: dict[Face, str] = {face: f"F{number}" for number, face in enumerate(self.family.primary)}
        self._widths: dict[tuple[str, Style], int] = {}
        self._plain = (_Alphabet(self.family, Style.REGULAR), _Alphabet(self.family, Style.BOLD))

    @property
    def fonts(self) -> dict[str, Face]:
        """The faces of which anything was shown, by the name that pages call them."""
        return {self._name(face): face for face in self.family.used}

    def width(self, text: str, size: int, style: Style = Style.REGULAR) -> int:
        """The width of a line."""
        plain = self._plain[style].spell(text)
        width = plain[1] if plain else self.shaper.width(text, style)
        return -(-width * size // EM)

    def show(self, text: str, size: int, style: Style = Style.REGULAR) -> bytes:
        """The operators that draw a line where the pen is."""
        if plain := self._plain[style].spell(text):
            return b"/F%d %d Tf <%s> Tj\n" % (style, size, plain[0].encode())
        return b"".join(
            b"/%s %d Tf %s" % (self._name(run.face).encode(), size, _run(run, size))
            for run in self.shaper.shape(text, style)
        )

    def shorten(self, text: str, size: int, width: int, style: Style = Style.REGULAR) -> str:
        """A line that fits, with an ellipsis where it was cut."""
        if self.width(text, size, style) <= width:
            return text
        room = width - self.width(ELLIPSIS, size, style)
        return next(self.lines(text, size, max(room, 1), style), "") + ELLIPSIS

    def lines(self, text: str, size: int, width: int, style: Style = Style.REGULAR) -> Iterator[str]:
        """The lines of a text: broken at spaces, at its own line ends, and within words that are too long."""
        for paragraph in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
            yield from self._broken(paragraph, width * EM // size, style)

    def _broken(self, text: str, width: int, style: Style) -> Iterator[str]:
        places = np.cumsum(self._advances(text, style))
        start = 0
        while True:
            before = int(places[start - 1]) if start else 0
            end = int(np.searchsorted(places, before + width, side="right"))
            if end >= len(text):
                yield text[start:].rstrip()
                return
            end = max(end, start + 1)
            space = text.rfind(" ", start + 1, end + 1)
            cut = space if space > start else end
            yield text[start:cut].rstrip()
            start = cut + 1 if space > start else cut

    def _advances(self, text: str, style: Style) -> NDArray[np.int64]:
        """The width of each letter alone: near enough to break lines of scripts that join their letters."""
        known, found = self._widths, []
        for letter in text:
            width = known.get((letter, style))
            if width is None:
                width = known[letter, style] = self.width(letter, EM, style)
            found.append(width)
        return np.array(found, np.int64)

    def _name(self, face: Face) -> str:
        return self._names.setdefault(face, f"F{len(self._names)}")


class _Alphabet:
    """The letters of the primary face that stand alone: lines of nothing else need no shaping."""

    def __init__(self, family: Family, style: Style) -> None:
        self._face, self._simple = family.primary[style], family.simple
        self._letters: dict[str, tuple[str, int]] = {}

    def spell(self, text: str) -> tuple[str, int] | None:
        """The glyphs of a line in hexadecimal, and its width; None where it must be shaped."""
        try:
            found = [self._letters.get(letter) or self._learn(letter) for letter in text]
        except KeyError:
            return None
        return "".join(code for code, _ in found), sum(width for _, width in found)

    def _learn(self, letter: str) -> tuple[str, int]:
        if not self._simple[ord(letter)]:
            raise KeyError(letter)
        glyph = int(self._face.glyphs[ord(letter)])
        self._face.shown.setdefault(glyph, letter)
        found = self._letters[letter] = (f"{glyph:04X}", self._face.advance(glyph))
        return found


def _run(run: Shaped, size: int) -> bytes:
    own = tuple(run.face.advance(glyph) for glyph in run.glyphs)
    if own == run.advances and not any(x or y for x, y in run.offsets):
        return b"<%s> Tj\n" % "".join(f"{glyph:04X}" for glyph in run.glyphs).encode()
    return b"".join(_placed(run, own, size))


def _placed(run: Shaped, own: tuple[int, ...], size: int) -> Iterator[bytes]:
    """Glyphs one by one, with marks moved to where they belong."""
    for glyph, width, advance, (x, y) in zip(run.glyphs, own, run.advances, run.offsets, strict=True):
        rise = b"%d Ts " % (y * size // EM) if y else b""
        yield rise + b"[%d <%04X> %d] TJ%s\n" % (-x, glyph, width - advance + x, b" 0 Ts" if y else b"")
