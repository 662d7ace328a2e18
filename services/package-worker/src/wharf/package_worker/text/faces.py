"""One font file at one weight."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

EM = 1000
"""Widths are in thousandths of the font's size, as in a PDF."""
CFF, TRUETYPE = "CFF ", "glyf"
NOT_NEEDED = tuple(
    int.from_bytes(tag, "big") for tag in (b"GSUB", b"GPOS", b"GDEF", b"STAT", b"DSIG", b"BASE", b"VORG")
)


@dataclass(eq=False)
class Face:
    """A font file at one weight, and which of its glyphs were shown."""

    name: str
    path: Path
    weight: int | None = None
    """None where the file is of one weight."""
    shown: dict[int, str] = field(default_factory=dict)
    """The glyphs that were drawn, each with the text that it stands for."""

    @cached_property
    def face(self) -> hb.Face:
        """HarfBuzz's view of the file, which is mapped and not read."""
        return hb.Face(hb.Blob.from_file_path(str(self.path)))

    @cached_property
    def font(self) -> hb.Font:
        """The face at its weight, in units of the file's own."""
        font = hb.Font(self.face)
        if self.weight is not None:
            font.set_variations({"wght": self.weight})
        return font

    @cached_property
    def letters(self) -> NDArray[np.uint32]:
        """The code points that it has a glyph for, in order."""
        return np.fromiter(self.face.unicodes, np.uint32)

    @cached_property
    def glyphs(self) -> NDArray[np.uint16]:
        """The glyph of each code point; 0 where there is none."""
        table = np.zeros(0x110000, np.uint16)
        table[self.letters] = [self.font.get_nominal_glyph(int(letter)) or 0 for letter in self.letters]
        return table

    @cached_property
    def advances(self) -> NDArray[np.uint16]:
        """The width of each glyph."""
        count = self.face.glyph_count
        widths = [self.font.get_glyph_h_advance(glyph) for glyph in range(count)]
        scaled: NDArray[np.uint16] = np.rint(np.array(widths) * EM / self.face.upem).astype(np.uint16)
        return scaled

    def advance(self, glyph: int) -> int:
        """The width of one glyph: of a large font not all are asked for."""
        width: int = self.font.get_glyph_h_advance(glyph)
        return round(width * EM / int(self.face.upem))

    @property
    def kind(self) -> str:
        """The table that holds its outlines."""
        return CFF if CFF in self.face.table_tags else TRUETYPE

    def cut(self) -> bytes:
        """A font file with no more than the glyphs that were shown, which keep their numbers."""
        wish = hb.SubsetInput()
        wish.glyph_set.update(self.shown)
        wish.flags = hb.SubsetFlags.RETAIN_GIDS | hb.SubsetFlags.NO_HINTING | hb.SubsetFlags.NO_LAYOUT_CLOSURE
        wish.drop_table_tag_set.update(NOT_NEEDED)
        if self.weight is not None:
            wish.pin_all_axes_to_default(self.face)
            wish.pin_axis_location(self.face, "wght", self.weight)
        return bytes(hb.subset(self.face, wish).blob.data)

    def outlines(self) -> bytes:
        """What a PDF embeds: the bare table of a CFF font, the whole file of a TrueType font."""
        cut = self.cut()
        return bytes(hb.Face(cut).reference_table(CFF).data) if self.kind == CFF else cut
