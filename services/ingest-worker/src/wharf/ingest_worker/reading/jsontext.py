"""JSON written by columns: the same text that a JSON library would write cell by cell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.cells import byte_table, data_of

if TYPE_CHECKING:
    from collections.abc import Sequence

SPECIAL: Final = byte_table(bytes(range(32)) + b'"\\')
VISIBLE_NUL: Final = "\\x00"
"""PostgreSQL keeps NUL neither in text nor in jsonb, so it is shown by its escape."""


def quoted(text: str) -> str:
    """A text as JSON, NUL shown by its escape."""
    return json.dumps(text.replace("\0", VISIBLE_NUL), ensure_ascii=False)


def json_strings(cells: pa.Array) -> pa.Array:
    """Each text as a JSON string; null stays null."""
    return pc.binary_join_element_wise('"', _escaped(cells), '"', "")


def json_lists(columns: Sequence[pa.Array]) -> pa.Array:
    """A JSON list for each row, of the cells that are not null; null where all are."""
    return json_array([json_strings(cells) for cells in columns])


def json_array(columns: Sequence[pa.Array]) -> pa.Array:
    """A JSON list for each row, of columns that are JSON already; null cells are left out; null where all are."""
    return _enclosed("[", [pc.binary_join_element_wise(",", cells, "") for cells in columns], "]")


def json_object(fields: Sequence[tuple[str, pa.Array]]) -> pa.Array:
    """A JSON object for each row from (name, column of JSON); null cells are left out; null where all are."""
    return _enclosed("{", [pc.binary_join_element_wise(f",{quoted(n)}:", cells, "") for n, cells in fields], "}")


def _enclosed(left: str, columns: Sequence[pa.Array], right: str) -> pa.Array:
    """Each item brings its comma, and the first one is cut off.

    Arrow's own way of leaving nulls out (`null_handling="skip"`) loses the rows in which all are null.
    """
    joined = pc.binary_join_element_wise(*columns, "", null_handling="replace", null_replacement="")
    filled = pc.if_else(pc.equal(pc.binary_length(joined), 0), pa.scalar(None, pa.string()), joined)
    return pc.binary_join_element_wise(left, pc.utf8_slice_codeunits(filled, 1), right, "")


def _escaped(cells: pa.Array) -> pa.Array:
    data = data_of(cells)
    if not SPECIAL[data].any():
        return cells
    present = np.flatnonzero(np.bincount(data, minlength=256)[:128])
    found = pc.replace_substring(cells, "\0", VISIBLE_NUL) if 0 in present else cells
    found = pc.replace_substring(found, "\\", "\\\\")
    for byte in present:
        if byte and SPECIAL[byte] and byte != ord("\\"):
            found = pc.replace_substring(found, chr(byte), json.dumps(chr(byte))[1:-1])
    return found
