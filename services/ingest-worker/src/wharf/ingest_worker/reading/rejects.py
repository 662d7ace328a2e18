"""Rows that are set aside: where they stand, what they hold, every reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.jsontext import json_array, json_object, json_strings, quoted
from wharf.ingest_worker.reading.reasons import CODES, MESSAGES, REASONS
from wharf.ingest_worker.reading.texts import shown, shown_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

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
])  # fmt: skip
"""`errors` is a JSON list of {column, code, message, value}; in `raw` bytes that are no text are shown by escapes
(`\\xff`)."""
SHOWN_VALUE: Final = 200


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


def with_cells(rejects: pa.Table, places: pa.Table, cells: Mapping[str, NDArray[np.int64]]) -> pa.Table:
    """The rejects with `assigned`, a JSON object of what the rows would have been given; null where they have no place.

    `cells` are in the order of `places`, of which `_rejected_at` says whose each is.
    """
    given = json_object([(name, pa.array(numbers).cast(pa.string())) for name, numbers in cells.items()])
    whose = pc.index_in(rejects["byte_offset"], value_set=places["_rejected_at"])
    return rejects.append_column("assigned", given.take(whose.combine_chunks()))


def broken_line(block: Block, syntax: Syntax) -> pa.Table:
    """The reject of a record without an end."""
    if block.broken is None:
        return no_rejects()
    raw = shown(block.data[: block.broken.length], syntax.codec)
    errors = f"[{_error_of_row(block.broken.code)}]"
    return pa.table([[block.broken.line], [block.start.byte_offset], [raw], [errors]], schema=SCHEMA)


def rejected_records(block: Block, syntax: Syntax, found: Cells) -> pa.Table:
    """Records that are no rows."""
    if not found.faulty.size:
        return no_rejects()
    raw = shown_texts(block, found.faulty, syntax.codec)
    errors = pa.array([f"[{_error_of_row(code)}]" for code in CODES[1:]])
    return _table(block, found.faulty, raw, errors.take(pa.array(found.faults.astype(np.int64) - 1)))


def rejected_rows(block: Block, syntax: Syntax, records: Positions, faults: Sequence[ColumnFaults]) -> pa.Table:
    """Rows with faulty cells. `records` are their indices in the block; `faults` hold those rows only."""
    errors = json_array([_errors_of(column) for column in faults])
    return _table(block, records, shown_texts(block, records, syntax.codec), errors)


def in_order(tables: Iterable[pa.Table]) -> pa.Table:
    """Rejects of several kinds by their place in the file."""
    found = [table for table in tables if table.num_rows]
    if len(found) < 2:  # noqa: PLR2004 - nothing to put in order
        return found[0] if found else no_rejects()
    return pa.concat_tables(found).sort_by("byte_offset").combine_chunks()


def _table(block: Block, records: Positions, raw: pa.Array, errors: pa.Array) -> pa.Table:
    lines, offsets = block.lines[records], block.starts[records] + block.start.byte_offset
    return pa.table([pa.array(lines), pa.array(offsets), raw, errors], schema=SCHEMA)


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
