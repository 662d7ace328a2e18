"""A file that ends inside a quoted cell, as one does whose export or transfer was cut off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wharf.ingest_worker.reading.parsing import parse
from wharf.ingest_worker.reading.records import read_blocks
from wharf.ingest_worker.reading.source import Bytes, Cursor
from wharf.ingest_worker.reading.splitter import Splitter

if TYPE_CHECKING:
    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.source import ByteSource
    from wharf.ingest_worker.reading.splitter import Syntax

ONE_COLUMN: Final = 1


def cut_off(block: Block, source: ByteSource, syntax: Syntax, width: int) -> Block | None:
    """All that is left of the file as one broken record; None where that would swallow rows.

    A quote that nothing closes is either a stray one, with rows after its line, or the beginning of the
    cell in which the file ends: then most of what follows are no rows of `width` cells.
    """
    if block.broken is None or block.broken.code != "unclosed_quote" or width == ONE_COLUMN:
        return None
    rest = source.read(block.next.byte_offset, source.size - block.next.byte_offset)
    if _is_mostly_rows(rest, syntax, width):
        return None
    text = block.data.rstrip(b"\r\n") if syntax.unit == 1 else block.data
    return replace(
        block,
        next=Cursor(source.size, block.start.line + _lines(block.data, syntax), block.start.record + 1),
        broken=replace(block.broken, length=len(text)),
    )


def _is_mostly_rows(rest: bytes, syntax: Syntax, width: int) -> bool:
    blocks = list(read_blocks(Bytes(rest), syntax, Cursor()))
    rows = sum(parse(block, syntax, width).records.size for block in blocks if len(block))
    return 2 * rows > sum(len(block) or 1 for block in blocks)


def _lines(data: bytes, syntax: Syntax) -> int:
    return int(Splitter(data, syntax, at_end=True).breaks.size) + 1
