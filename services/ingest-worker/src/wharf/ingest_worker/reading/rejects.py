"""Rows that are set aside: where they stand, what they hold, every reason."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.csvrows import rows_of
from wharf.ingest_worker.reading.jsontext import VISIBLE_NUL, json_array, json_object, json_strings, quoted
from wharf.ingest_worker.reading.reasons import CODES, MESSAGES, REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wharf.ingest_worker.reading.cells import Faults
    from wharf.ingest_worker.reading.parsing import Cells
    from wharf.ingest_worker.reading.reasons import Reason
    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.splitter import Positions, Syntax

SCHEMA: Final = pa.schema([
    ("line", pa.int64()),
    ("byte_offset", pa.int64()),
    ("raw", pa.string()),
    ("errors", pa.string()),
    ("cells", pa.string()),
])  # fmt: skip
"""`errors` is a JSON list of {column, code, message, value}; `cells` a JSON object of the columns by which the
profile numbers rows to the row's own text, null where there are none; bytes that are no text are shown by escapes
(`\\xff`)."""
SHOWN_VALUE: Final = 200
DAMAGE: Final = re.compile("[\udc80-\udcff]")
"""Bytes that are no text, as `surrogateescape` shows them."""


@dataclass(frozen=True, slots=True)
class ColumnFaults:
    """The faults of one column's cells, and the text that they had."""

    column: str
    faults: Faults
    text: pa.Array
    reasons: Sequence[Reason] = REASONS
    """What the numbers of its faults mean."""


def no_rejects() -> pa.Table:
    """A table of rejects without any."""
    return SCHEMA.empty_table()


def broken_line(block: Block, syntax: Syntax) -> pa.Table:
    """The reject of a record without an end."""
    if block.broken is None:
        return no_rejects()
    raw = shown(block.data[: block.broken.length], syntax.codec)
    errors = f"[{_error_of_row(block.broken.code)}]"
    return pa.table([[block.broken.line], [block.start.byte_offset], [raw], [errors], [None]], schema=SCHEMA)


def rejected_records(block: Block, syntax: Syntax, found: Cells, targets: Mapping[int, str]) -> pa.Table:
    """Records that are no rows; `targets` says which source column brings which of the profile's that are kept."""
    if not found.faulty.size:
        return no_rejects()
    raw = _raw(block, syntax, found.faulty)
    errors = pa.array([f"[{_error_of_row(code)}]" for code in CODES[1:]])
    cells = _cells_by_hand(block, syntax, found, targets)
    return _table(block, found.faulty, raw, errors.take(pa.array(found.faults.astype(np.int64) - 1)), cells)


def rejected_rows(
    block: Block,
    syntax: Syntax,
    records: Positions,
    faults: Sequence[ColumnFaults],
    texts: Sequence[tuple[str, pa.Array]],
) -> pa.Table:
    """Rows with faulty cells. `records` are their indices in the block; `faults` and `texts` hold those rows only."""
    errors = json_array([_errors_of(column) for column in faults])
    cells = (
        json_object([(name, json_strings(text)) for name, text in texts])
        if texts
        else pa.nulls(len(records), pa.string())
    )
    return _table(block, records, _raw(block, syntax, records), errors, cells)


def in_order(tables: Iterable[pa.Table]) -> pa.Table:
    """Rejects of several kinds by their place in the file."""
    found = [table for table in tables if table.num_rows]
    if len(found) < 2:  # noqa: PLR2004 - nothing to put in order
        return found[0] if found else no_rejects()
    return pa.concat_tables(found).sort_by("byte_offset").combine_chunks()


def shown(raw: bytes, codec: str) -> str:
    """A record as text: bytes that are none, and NUL, are shown by escapes."""
    return raw.decode(codec, "backslashreplace").replace("\0", VISIBLE_NUL)


def _raw(block: Block, syntax: Syntax, records: Positions) -> list[str]:
    return [shown(block.record(i), syntax.codec) for i in records]


def _table(block: Block, records: Positions, raw: list[str], errors: pa.Array, cells: pa.Array) -> pa.Table:
    lines, offsets = block.lines[records], block.starts[records] + block.start.byte_offset
    return pa.table([pa.array(lines), pa.array(offsets), pa.array(raw, pa.string()), errors, cells], schema=SCHEMA)


def _errors_of(column: ColumnFaults) -> pa.Array:
    """One JSON object for each faulty cell, null for good ones."""
    heads = [None, *(_head(column.column, *reason) for reason in column.reasons[1:])]
    head = pa.array(heads, pa.string()).take(pa.array(column.faults.astype(np.int64)))
    return _with_values(head, column.text)


def error_column(column: str | None, reason: Reason, values: pa.Array, *, where: pa.Array) -> pa.Array:
    """One JSON object for each value that is wrong for that reason, null where it is not."""
    head = pc.if_else(where, pa.scalar(_head(column, *reason)), pa.scalar(None, pa.string()))
    return _with_values(head, values)


def _with_values(head: pa.Array, values: pa.Array) -> pa.Array:
    short = pc.utf8_slice_codeunits(values, 0, SHOWN_VALUE)
    return pc.binary_join_element_wise(head, pc.fill_null(json_strings(short), "null"), "}", "")


def _head(column: str | None, code: str, message: str) -> str:
    name = "null" if column is None else quoted(column)
    return f'{{"column":{name},"code":"{code}","message":{quoted(message)},"value":'


def _error_of_row(code: str) -> str:
    error = {"column": None, "code": code, "message": MESSAGES[code], "value": None}
    return json.dumps(error, separators=(",", ":"))


def _cells_by_hand(block: Block, syntax: Syntax, found: Cells, targets: Mapping[int, str]) -> pa.Array:
    """The profile's cells of records that are no rows, as far as they can be told apart and read."""
    if not targets:
        return pa.nulls(len(found.faulty), pa.string())
    unreadable = "surrogateescape" if syntax.unit == 1 else "replace"
    records = (
        block.record(i).decode(syntax.codec, unreadable).replace("\0", VISIBLE_NUL) for i in found.faulty.tolist()
    )
    rows = rows_of(records, syntax)
    return pa.array(
        [_json_of({n: row[i].strip() for i, n in targets.items() if i < len(row)}) for row in rows], pa.string()
    )


def _json_of(cells: Mapping[str, str]) -> str | None:
    kept = {name: cell for name, cell in cells.items() if cell and "\ufffd" not in cell}
    try:
        return orjson.dumps(kept).decode() if kept else None
    except orjson.JSONEncodeError:
        return _json_of({name: cell for name, cell in kept.items() if not DAMAGE.search(cell)})
