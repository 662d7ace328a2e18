"""Typed rows in the form that `COPY … FROM STDIN (FORMAT csv)` reads."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

OPTIONS: Final = {"include_header": False, "quoting_style": "needed", "batch_size": 16 * 1024}
"""Text is always quoted, so an empty text stays one and an unquoted nothing is NULL."""


def encode_csv(table: pa.Table) -> memoryview:
    """The table's rows, UTF-8: NULL unquoted and empty, times in UTC, lists as array literals."""
    flat = pa.table({name: _flat(table.column(name)) for name in table.column_names})
    out = pa.BufferOutputStream()
    csv.write_csv(flat, out, csv.WriteOptions(**OPTIONS))
    return memoryview(out.getvalue())


def array_literals(lists: pa.Array) -> pa.Array:
    r"""PostgreSQL's literals of text lists: `{"a","say \"b\""}`."""
    values = pc.replace_substring(pc.replace_substring(lists.flatten(), "\\", "\\\\"), '"', '\\"')
    quoted = pc.binary_join_element_wise('"', pc.fill_null(values, ""), '"', "")
    starts = pc.list_value_length(lists).fill_null(0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(starts).cast(pa.int32())])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, quoted), ",")
    return pc.if_else(lists.is_valid(), pc.binary_join_element_wise("{", joined, "}", ""), None)


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_list(column.type):
        return pa.chunked_array([array_literals(chunk) for chunk in column.chunks], pa.string())
    if pa.types.is_timestamp(column.type) and column.type.tz:
        return _utc_text(column)
    return column


def _utc_text(moments: pa.ChunkedArray) -> pa.ChunkedArray:
    """Arrow writes a time without a zone thirty times faster, so the zone is written behind it."""
    naive = moments.cast(pa.int64()).cast(pa.timestamp(moments.type.unit))
    return pc.binary_join_element_wise(naive.cast(pa.string()), "Z", "")
