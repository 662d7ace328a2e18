"""Rows with more cells than the header: kept, where the profile says so, with the others beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.csvrows import rows_of
from wharf.ingest_worker.reading.parsing import with_rows
from wharf.ingest_worker.reading.reasons import NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharf.ingest_worker.reading.parsing import Cells
    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.splitter import Syntax

SURPLUS: Final = "_surplus"
"""Under this name `properties` keeps them: a list of the texts that are not empty."""


def keep_surplus(found: Cells, block: Block, syntax: Syntax, width: int) -> Cells:
    """The same cells with the rows among them that had too many.

    One with a NUL byte beyond the header stays rejected, since JSON of PostgreSQL holds none (`nul_byte`).
    """
    wide = found.faulty[found.faults == NUMBER["too_many_cells"]]
    if not wide.size:
        return found
    rows = list(rows_of((block.record(i).decode(syntax.codec) for i in wide), syntax))
    good = np.array([not any("\0" in cell for cell in row[width:]) for row in rows], dtype=np.bool_)
    faults = found.faults.copy()
    faults[np.isin(found.faulty, wide[~good])] = NUMBER["nul_byte"]
    kept = [row for row, is_good in zip(rows, good, strict=True) if is_good]
    merged = with_rows(replace(found, faults=faults), wide[good], kept, width)
    beyond = pa.array([_as_json(row[width:]) for row in kept], pa.string())
    places = pa.array(np.searchsorted(wide[good], merged.records))
    is_wide = pa.array(np.isin(merged.records, wide[good]))
    return replace(merged, surplus=pc.if_else(is_wide, _taken(beyond, places), pa.scalar(None, pa.string())))


def _taken(texts: pa.Array, places: pa.Array) -> pa.Array:
    """Texts by their places; a place behind the last one is any, since nobody looks at it."""
    return pa.concat_arrays([texts, pa.nulls(1, pa.string())]).take(places)


def _as_json(cells: Sequence[str]) -> str | None:
    filled = [cell.strip() for cell in cells if cell.strip()]
    return orjson.dumps(filled).decode() if filled else None
