"""The texts of single records, many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.jsontext import VISIBLE_NUL

if TYPE_CHECKING:
    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.splitter import Positions


def exact_texts(block: Block, records: Positions, codec: str) -> pa.Array | None:
    """The texts of records, NUL shown by its escape; None where some of them are no text in the encoding."""
    try:
        if codec == "utf-8":
            found = _pieces(block).take(pa.array(records * 2)).cast(pa.string())
        else:
            found = pa.array([block.record(i).decode(codec) for i in records.tolist()], pa.string())
    except (UnicodeError, pa.ArrowInvalid):
        return None
    return pc.replace_substring(found, "\0", VISIBLE_NUL) if b"\0" in block.data else found


def shown_texts(block: Block, records: Positions, codec: str) -> pa.Array:
    """The same for people: bytes that are no text are shown by escapes too."""
    found = exact_texts(block, records, codec)
    if found is None:
        return pa.array([shown(block.record(i), codec) for i in records.tolist()], pa.string())
    return found


def shown(raw: bytes, codec: str) -> str:
    """One record as text: bytes that are none, and NUL, are shown by escapes."""
    return raw.decode(codec, "backslashreplace").replace("\0", VISIBLE_NUL)


def _pieces(block: Block) -> pa.Array:
    """The block's data without a copy: every second piece is a record, what is between them are line ends."""
    bounds = np.stack([block.starts, block.ends], axis=1).astype(np.int32)
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(block.data)]
    return pa.Array.from_buffers(pa.binary(), bounds.size - 1, buffers)
