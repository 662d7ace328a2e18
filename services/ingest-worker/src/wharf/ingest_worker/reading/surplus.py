"""Rows with more cells than the header: kept, where the profile says so, with the others beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
import pyarrow as pa

from wharf.ingest_worker.reading.delimiter import rows_of
from wharf.ingest_worker.reading.reasons import NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharf.ingest_worker.reading.parsing import Cells
    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.splitter import Positions, Syntax

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
    stays = ~np.isin(found.faulty, wide[good])
    kept = [row for row, is_good in zip(rows, good, strict=True) if is_good]
    merged = _with_rows(found, wide[good], kept, width)
    return replace(merged, faulty=found.faulty[stays], faults=faults[stays])


def _with_rows(found: Cells, records: Positions, rows: Sequence[Sequence[str]], width: int) -> Cells:
    """In the file's order."""
    every = np.concatenate([found.records, records])
    order = np.argsort(every, kind="stable")
    added = [pa.array([row[n] or None for row in rows], pa.string()) for n in range(width)]
    columns = [
        pa.concat_arrays([old, new]).take(pa.array(order)) for old, new in zip(found.columns, added, strict=True)
    ]
    beyond = pa.array([None] * found.records.size + [_as_json(row[width:]) for row in rows], pa.string())
    return replace(found, columns=tuple(columns), records=every[order], surplus=beyond.take(pa.array(order)))


def _as_json(cells: Sequence[str]) -> str | None:
    filled = [cell.strip() for cell in cells if cell.strip()]
    return orjson.dumps(filled).decode() if filled else None
