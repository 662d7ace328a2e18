"""The fonts that together show any script: Noto Sans first, then the others in order."""

from __future__ import annotations

import unicodedata
from enum import IntEnum
from functools import cached_property
from pathlib import Path

import manimgx_fonts
import noto_cjk_sans_jp_regular
import numpy as np
from numpy.typing import NDArray

from wharf.package_worker.text.faces import Face

NOTO, CJK = Path(manimgx_fonts.__file__).parent, Path(noto_cjk_sans_jp_regular.__file__).parent
PRIMARY = "NotoSans[wght].ttf"
OTHERS = (
    "Hebrew", "Arabic", "Armenian", "Georgian", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil",
    "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Myanmar", "Khmer", "Ethiopic", "Symbols",
)  # fmt: skip
REGULAR, SEMIBOLD = 400, 600
MISSING = "\ufffd"
"""Stands where no font has the letter: a question mark in a diamond, never an empty box."""
CAREFUL = frozenset({"Mn", "Mc", "Me", "Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
RIGHT_TO_LEFT = frozenset({"R", "AL"})
NO_FACE = 255


class Style(IntEnum):
    """The two weights of text."""

    REGULAR = 0
    BOLD = 1


class Family:
    """The faces of one document: what was shown of each is noted there."""

    def __init__(self) -> None:
        self.primary = tuple(
            Face(f"NotoSans{name}", NOTO / PRIMARY, weight) for name, weight in (("", REGULAR), ("-SemiBold", SEMIBOLD))
        )

    @cached_property
    def others(self) -> tuple[Face, ...]:
        """The further faces, opened when the first letter needs one."""
        noto = [Face(f"NotoSans{name}", NOTO / f"NotoSans{name}[wght].ttf", REGULAR) for name in OTHERS]
        emoji = Face("NotoEmoji", NOTO / "NotoEmoji[wght].ttf", REGULAR)
        cjk = Face("NotoSansCJKjp", CJK / "NotoSansCJKjp-Regular.otf")
        return (*noto, cjk, emoji)

    @cached_property
    def simple(self) -> NDArray[np.bool_]:
        """The code points that the primary face shows one by one, from left to right, without shaping."""
        table = np.zeros(0x110000, np.bool_)
        for letter in self.primary[0].letters.tolist():
            table[letter] = _stands_alone(chr(letter))
        return table

    @cached_property
    def coverage(self) -> NDArray[np.uint8]:
        """The number of the first of the other faces that has a code point."""
        table = np.full(0x110000, NO_FACE, np.uint8)
        for number in reversed(range(len(self.others))):
            table[self.others[number].letters] = number
        return table

    def face_for(self, letter: str, style: Style) -> Face | None:
        """The face that shows a letter; None where none does."""
        if self.primary[style].glyphs[ord(letter)]:
            return self.primary[style]
        number = self.coverage[ord(letter)]
        return None if number == NO_FACE else self.others[number]

    @property
    def used(self) -> list[Face]:
        """The faces of which anything was shown."""
        opened = self.__dict__.get("others", ())
        return [face for face in (*self.primary, *opened) if face.shown]


def _stands_alone(letter: str) -> bool:
    return unicodedata.category(letter) not in CAREFUL and unicodedata.bidirectional(letter) not in RIGHT_TO_LEFT
