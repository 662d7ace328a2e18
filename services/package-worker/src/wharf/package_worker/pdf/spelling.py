"""Whole columns of text as glyphs at once: the fast path of tables, without a call for each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wharf.package_worker.text import Face, Family

HEX = np.array([f"{glyph:04X}" for glyph in range(0x10000)], "S4").view(np.uint32)
"""Every glyph's number as a PDF writes it."""
ASCII_END = 128
TOP_BITS, CONTINUED = 0xC0, 0x80
"""How UTF-8 marks a byte that continues a letter."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """The cells of a column: their glyphs in hexadecimal, their widths in thousandths, which need care."""

    codes: pa.StringArray
    widths: NDArray[np.int64]
    careful: NDArray[np.bool_]
    """Cells with letters that the primary face has not, or that must be shaped."""


class Speller:
    """Spells with the primary face, and notes which letters it showed."""

    def __init__(self, family: Family) -> None:
        self._face: Face = family.primary[0]
        self._simple = family.simple
        self._seen = np.zeros(0x110000, np.bool_)

    def spell(self, texts: pa.StringArray) -> Spelled:
        """The glyphs of every cell."""
        letters, bounds = _letters(texts)
        self._seen[letters] = True
        glyphs = self._face.glyphs[letters]
        codes = pa.StringArray.from_buffers(
            len(texts), pa.py_buffer((bounds * 4).astype(np.int32)), pa.py_buffer(HEX[glyphs].view(np.uint8))
        )
        widths = _sums(self._face.advances[glyphs], bounds)
        return Spelled(codes, widths, _sums(~self._simple[letters], bounds) > 0)

    def note_shown(self) -> None:
        """Tell the face what was shown: once, at the end."""
        for letter in np.flatnonzero(self._seen & self._simple).tolist():
            self._face.shown.setdefault(int(self._face.glyphs[letter]), chr(letter))


def _letters(texts: pa.StringArray) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """All code points of a column, and where each cell begins and the last one ends."""
    _, offsets, values = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = np.frombuffer(values, np.uint8)[bounds[0] : bounds[-1]] if values else np.zeros(0, np.uint8)
    bounds = bounds - bounds[0]
    if not len(data) or data.max() < ASCII_END:
        return data.astype(np.uint32), bounds
    begins = np.concatenate(([0], np.cumsum((data & TOP_BITS) != CONTINUED)))
    return np.frombuffer(data.tobytes().decode().encode("utf-32-le"), np.uint32), begins[bounds]


def _sums(values: NDArray[np.generic], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    running = np.concatenate(([0], np.cumsum(values, dtype=np.int64)))
    return running[bounds[1:]] - running[bounds[:-1]]
