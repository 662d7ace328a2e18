"""Rows that turned out to be wrong when all were loaded: found again in the file, as they stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from wharf.ingest_worker.reading.records import read_blocks
from wharf.ingest_worker.reading.source import Beginning
from wharf.ingest_worker.reading.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from wharf.ingest_worker.reading.plan import Plan
    from wharf.ingest_worker.reading.source import ByteSource


def read_again(source: ByteSource, plan: Plan, lines: NDArray[np.int64]) -> Iterator[pa.Table]:
    """The records that begin on these lines (sorted), block by block: `line`, `byte_offset`, `raw`."""
    dialect = plan.dialect
    source = source if dialect.end is None else Beginning(source, dialect.end)
    for block in read_blocks(source, dialect.syntax, dialect.data):
        at = np.flatnonzero(np.isin(block.lines, lines))
        if at.size:
            raw = [shown(block.record(i), dialect.syntax.codec) for i in at.tolist()]
            offsets = block.starts[at] + block.start.byte_offset
            yield pa.table({"line": block.lines[at], "byte_offset": offsets, "raw": pa.array(raw, pa.string())})
        if block.next.line > lines[-1]:
            return
