"""A workbook's file: the frame that XlsxWriter made, and in its large sheets our rows, deflated as they come."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from isal import isal_zlib

LEVEL = 2
"""Of isal's 0 to 3."""
PLACE = re.compile(rb'<row r="2".*?</row>', re.DOTALL)
"""The row of the frame that shows each column's style, and that ours replace."""
STYLE = re.compile(rb'<c r="[A-Z]+2" s="(\d+)"')
BEGINNING = (1980, 1, 1, 0, 0, 0)
"""Of all times in the archive, so that the same content gives the same bytes."""
DIMENSION = re.compile(rb'<dimension ref="[^"]*"/>')


@dataclass(frozen=True, slots=True)
class Body:
    """What one sheet holds below its header."""

    rows: Callable[[list[str]], Iterator[memoryview]]
    """Given the style of each column, the XML of the rows, piece by piece."""
    extent: str
    """The cells that the whole sheet has, such as `A1:G20001`."""


def assemble(frame: BinaryIO, stream: BinaryIO, bodies: Mapping[str, Body]) -> None:
    """Write the frame's parts as they are; those named in `bodies` with their rows put in."""
    with zipfile.ZipFile(frame) as source, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = source.read(name)
            _write(target, name, _filled(part, bodies[name]) if name in bodies else iter([memoryview(part)]))


def _filled(part: bytes, body: Body) -> Iterator[memoryview]:
    """A sheet's XML up to its rows, the rows, and the rest."""
    part = DIMENSION.sub(f'<dimension ref="{body.extent}"/>'.encode(), part, count=1)
    place = PLACE.search(part)
    if place is None:
        raise LookupError("The frame's sheet has no row that shows its styles.")
    styles = [style.decode() for style in STYLE.findall(place.group())]
    yield memoryview(part)[: place.start()]
    yield from body.rows(styles)
    yield memoryview(part)[place.end() :]


def _write(target: zipfile.ZipFile, name: str, pieces: Iterator[memoryview]) -> None:
    about = zipfile.ZipInfo(name, BEGINNING)
    about.compress_type = zipfile.ZIP_DEFLATED
    with target.open(about, "w", force_zip64=True) as part:
        # zipfile has no way to name a deflater; its own takes four times as long
        part._compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)  # type: ignore[attr-defined]  # noqa: SLF001
        for piece in pieces:
            part.write(piece)
