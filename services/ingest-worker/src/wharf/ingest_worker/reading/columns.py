"""A column of text cells to its type, with a fault for every cell that has none in it.

Cells are null where the file has nothing; space around a cell is no part of it. `NA`, `NULL`, `-` and the
like are text, unless the profile or the options say that they are nulls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.common.profiles import ColumnType
from wharf.ingest_worker.reading.cells import Converted, as_mask, trimmed
from wharf.ingest_worker.reading.numbers import decimals, integers
from wharf.ingest_worker.reading.reasons import NUMBER
from wharf.ingest_worker.reading.timestamps import MOMENT, timestamps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharf.common.profiles import Column
    from wharf.ingest_worker.reading.numbers import Mark
    from wharf.ingest_worker.reading.timestamps import Order

ARROW_TYPES: Final[dict[ColumnType, Any]] = {
    ColumnType.TEXT: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.DECIMAL: pa.string(),  # as PostgreSQL reads numeric: no precision is lost on the way
    ColumnType.TIMESTAMP: MOMENT,
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.LIST: pa.list_(pa.string()),
}
TRUE: Final = (
    "true", "t", "yes", "y", "on", "1", "ja", "j", "wahr", "oui", "o", "vrai", "sí", "si", "s", "verdadero", "sim",
    "verdadeiro", "vero", "tak", "prawda", "ano", "áno", "pravda", "igen", "igaz", "kyllä", "tosi", "da", "evet", "да",
    "истина", "是", "真", "はい",
)  # fmt: skip
FALSE: Final = (
    "false", "f", "no", "n", "off", "0", "nein", "falsch", "nej", "nee", "nei", "non", "faux", "falso", "não", "nao",
    "nie", "fałsz", "ne", "nepravda", "nem", "hamis", "ei", "epätosi", "nu", "нет", "ложь", "否", "假", "いいえ",
)  # fmt: skip
"""In the languages of real exports; no word is in both."""


def convert(column: Column, sources: Sequence[pa.Array], mark: Mark, order: Order, *, has_nul: bool) -> Converted:
    """The cells of a column in its type; `sources` are one text column, or several for a list.

    `has_nul`: a NUL byte is somewhere in the block, so text has to be looked at.
    """
    found = _typed(column.type, sources, mark, order)
    faults = found.faults
    if has_nul:
        faults = _with_fault(faults, _nul_cells(sources), "nul_byte")
    if column.required and found.values.null_count:
        faults = _with_fault(faults, as_mask(found.values.is_null()), "required")
    return Converted(found.values, faults)


def absent(column: Column, rows: int) -> Converted:
    """A column that no header brings."""
    return Converted(pa.nulls(rows, ARROW_TYPES[column.type]))


def _typed(kind: ColumnType, sources: Sequence[pa.Array], mark: Mark, order: Order) -> Converted:
    match kind:
        case ColumnType.INTEGER:
            return integers(sources[0], mark)
        case ColumnType.DECIMAL:
            return decimals(sources[0], mark)
        case ColumnType.TIMESTAMP:
            return timestamps(sources[0], order)
        case ColumnType.BOOLEAN:
            return booleans(sources[0])
        case ColumnType.LIST:
            return Converted(lists(sources))
        case ColumnType.TEXT:
            return Converted(trimmed(sources[0]))


def booleans(cells: pa.Array) -> Converted:
    """Yes and no in the usual spellings. Fault: `not_a_boolean`."""
    found = pc.utf8_lower(trimmed(cells))
    yes, no = (pc.is_in(found, pa.array(words)) for words in (TRUE, FALSE))
    faults = np.where(as_mask(found.is_valid()) & ~as_mask(pc.or_(yes, no)), NUMBER["not_a_boolean"], 0)
    return Converted(pc.if_else(found.is_valid(), yes, None), faults.astype(np.int8))


def lists(sources: Sequence[pa.Array]) -> pa.Array:
    """One list for each row from the cells that are not empty, in the file's order; null where all are."""
    rows = len(sources[0])
    cells = pa.concat_arrays([trimmed(cells) for cells in sources])
    by_row = np.arange(len(cells)).reshape(len(sources), rows).T.ravel()
    valid = as_mask(cells.is_valid())[by_row]
    counts = valid.reshape(rows, len(sources)).sum(axis=1, dtype=np.int32)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    values = cells.take(pa.array(by_row[valid]))
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(counts == 0))


def nul_mask(cells: pa.Array) -> Any:  # noqa: ANN401 - a numpy mask; numpy infers it
    """Which cells hold a NUL byte."""
    return as_mask(pc.match_substring(cells, "\0"))


def _nul_cells(sources: Sequence[pa.Array]) -> Any:  # noqa: ANN401 - as above
    return np.logical_or.reduce([nul_mask(cells) for cells in sources])


def _with_fault(faults: Any, where: Any, code: str) -> Any:  # noqa: ANN401 - as above
    """A cell's first fault stays, but for NUL: it explains the others."""
    before = np.zeros(where.size, dtype=np.int8) if faults is None else faults
    return np.where(where & ((before == 0) | (code == "nul_byte")), NUMBER[code], before).astype(np.int8)
