"""Where a large file is divided: between two records, never inside a quoted cell or a group of numbered rows.

A part is read exactly as it would be in its place in the whole file. So a cut needs a stretch before it in which every
quote has its partner: no rule of the splitter that looks ahead then reaches across it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from wharf.ingest_worker.reading import Cursor
from wharf.ingest_worker.reading.parsing import parse
from wharf.ingest_worker.reading.records import BLOCK_BYTES, read_blocks
from wharf.ingest_worker.reading.source import Beginning
from wharf.ingest_worker.reading.splitter import STRAY_REACH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wharf.common.profiles import Profile
    from wharf.ingest_worker.reading import ByteSource, Plan
    from wharf.ingest_worker.reading.parsing import Cells
    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.splitter import Positions

MOST_PARTS = 200
Part = tuple[Cursor, int]
"""Where it begins, and the byte at which the next one does."""


def divided(
    source: ByteSource,
    plan: Plan,
    profile: Profile,
    part_bytes: int,
    on_block: Callable[[Cursor], None],
    *,
    block_bytes: int = BLOCK_BYTES,
) -> list[Part]:
    """The parts of a file, at least two of them; nothing where it is too small, or has no place to be cut.

    `on_block` is told how far the file was read: all of it has to be, to know which quotes are open.
    """
    end = source.size if plan.dialect.end is None else plan.dialect.end
    length = max(part_bytes, -(-(end - plan.dialect.data.byte_offset) // MOST_PARTS))
    if end - plan.dialect.data.byte_offset < 2 * length:
        return []
    blocks = read_blocks(Beginning(source, end), plan.dialect.syntax, plan.dialect.data, block_bytes=block_bytes)
    begins = [plan.dialect.data, *_cuts(_told(blocks, on_block), plan, profile, length, end)]
    ends = [cursor.byte_offset for cursor in begins[1:]]
    return list(zip(begins, [*ends, end], strict=True)) if ends else []


def _told(blocks: Iterator[Block], on_block: Callable[[Cursor], None]) -> Iterator[Block]:
    for block in blocks:
        on_block(block.next)
        yield block


def _cuts(blocks: Iterator[Block], plan: Plan, profile: Profile, length: int, end: int) -> Iterator[Cursor]:
    wanted = plan.dialect.data.byte_offset + length
    for block in blocks:
        if block.next.byte_offset < wanted or end - block.start.byte_offset < length // 2:
            continue
        cut = None if block.broken else _cut(block, plan, profile, wanted)
        if cut is not None:
            yield cut
            wanted = cut.byte_offset + length


def _cut(block: Block, plan: Plan, profile: Profile, wanted: int) -> Cursor | None:
    """The first record of the block, from the byte `wanted` on, before which it can be cut."""
    earliest = max(STRAY_REACH, wanted - block.start.byte_offset)
    firsts = _first_of_groups(block, plan, profile)
    for at in firsts[block.starts[firsts] >= earliest]:
        if not _is_odd_before(block, int(at)):
            return Cursor(
                block.start.byte_offset + int(block.starts[at]), int(block.lines[at]), block.start.record + int(at)
            )
    return None


def _is_odd_before(block: Block, at: int) -> bool:
    first = int(np.searchsorted(block.starts, block.starts[at] - STRAY_REACH))
    return bool(((block.odd >= first) & (block.odd <= at)).any())


def _first_of_groups(block: Block, plan: Plan, profile: Profile) -> Positions:
    """Records that begin another group than the record right before them; all, where rows are not numbered."""
    groups = sorted({name for column in profile.columns for name in column.number_within})
    places = [at for name in groups for at in plan.mapping.sources_of(name)[:1]]
    if not places:
        return np.arange(1, len(block))
    found = parse(block, plan.dialect.syntax, len(plan.headers))
    changed = np.flatnonzero(np.logical_or.reduce([_changes(found, place) for place in places])) + 1
    neighbours = np.diff(found.records, prepend=-2) == 1  # what is no row has a group that nobody knows
    firsts: Positions = found.records[changed[neighbours[changed]]]
    return firsts


def _changes(found: Cells, place: int) -> NDArray[np.bool_]:
    cells = found.columns[place]
    if not len(cells):
        return np.zeros(0, dtype=np.bool_)
    texts = pc.fill_null(cells, "")
    differs: Any = pc.not_equal(texts.slice(1), texts.slice(0, len(texts) - 1))
    return np.asarray(differs.to_numpy(zero_copy_only=False))
