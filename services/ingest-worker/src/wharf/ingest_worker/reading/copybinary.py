"""Typed rows in the form that `COPY … FROM STDIN (FORMAT binary)` reads: PostgreSQL has nothing left to parse.

Decimals are written here, since Arrow has no type that keeps `1.50` apart from `1.5`; `pgpq` (Rust) writes the rest.
Source: PostgreSQL's documentation of COPY ("Binary Format"), and `numeric_recv` in its source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pgpq import ArrowToPostgresBinaryEncoder

from wharf.common.profiles import ColumnType
from wharf.ingest_worker.reading.cells import as_mask, data_of, offsets_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

NEGATIVE: Final = 0x4000
GROUP: Final = 10_000
"""A numeric is written in groups of four decimal digits."""
DIGITS: Final = 4
HEAD: Final = 4
"""Fields before the groups: how many, the first one's power of 10,000, the sign, the digits after the point."""
LONGEST: Final = 18
"""Digits of a decimal that fit 64 bits, in whole groups behind the point."""
EXACT: Final = 2.0**50
"""Below it a float times a power of ten, three times rounded, is less than a half from the whole number meant."""
DOCUMENT: Final = b"\x01"
"""The version that leads a `jsonb`."""


class NotBinary(Exception):
    """A number that is too long for this form: these rows are sent as text."""


def encode_binary(
    rows: pa.Table, kinds: Mapping[str, ColumnType | None], constants: Mapping[str, str | UUID]
) -> Iterator[bytes]:
    """The columns of `rows` in their order, then the constants. A column of no kind is a `jsonb`.

    Raises `NotBinary` before the first piece.
    """
    columns = {name: _column(rows[name].combine_chunks(), kinds[name]) for name in rows.column_names}
    columns |= {name: pa.repeat(_constant(value), rows.num_rows) for name, value in constants.items()}
    batch = pa.RecordBatch.from_pydict(columns)
    encoder = ArrowToPostgresBinaryEncoder(batch.schema)
    return iter((encoder.write_header(), encoder.write_batch(batch), encoder.finish()))


def _constant(value: str | UUID) -> str | bytes:
    return value.bytes if isinstance(value, UUID) else value


def _column(cells: pa.Array, kind: ColumnType | None) -> pa.Array:
    if kind is ColumnType.DECIMAL:
        return _decimals(cells)
    if kind is None:
        return pc.binary_join_element_wise(pa.scalar(DOCUMENT), cells.cast(pa.binary()), b"")
    return cells


def _decimals(cells: pa.Array) -> pa.Array:
    """As many groups for each value: PostgreSQL drops zeros at both ends, and keeps the digits after the point."""
    places = _places(cells)
    values, scale = _scaled(cells, int(places.max(initial=0)))
    rest = np.abs(values)
    groups = -(-len(str(int(rest.max(initial=0)))) // DIGITS)
    fields = np.empty((len(cells), HEAD + groups), dtype=">i2")
    fields[:, 0] = groups
    fields[:, 1] = groups - 1 - scale // DIGITS
    fields[:, 2] = np.where(values < 0, NEGATIVE, 0)
    fields[:, 3] = places
    for at in range(groups - 1, 0, -1):
        above = rest // GROUP
        fields[:, HEAD + at] = rest - above * GROUP
        rest = above
    fields[:, HEAD] = rest
    return _as_binary(fields, cells)


def _scaled(cells: pa.Array, places: int) -> tuple[NDArray[np.int64], int]:
    """Every value times ten to the power of the scale, which is a number of whole groups; 0 where there is none."""
    scale = -(-places // DIGITS) * DIGITS
    values = _filled(pc.cast(cells, pa.float64())) * float(10**scale)
    if np.abs(values).max(initial=0) < EXACT:
        return np.rint(values).astype(np.int64), scale
    try:
        found = cells.cast(pa.decimal128(LONGEST, scale))
    except pa.ArrowInvalid:
        raise NotBinary from None
    low = np.frombuffer(found.buffers()[1], np.int64)[2 * found.offset : 2 * (found.offset + len(found)) : 2]
    return np.where(as_mask(found.is_valid()), low, 0) if found.null_count else low, scale


def _filled(values: pa.Array) -> NDArray[np.float64]:
    return np.asarray((pc.fill_null(values, 0.0) if values.null_count else values).to_numpy(zero_copy_only=False))


def _places(cells: pa.Array) -> NDArray[np.int32]:
    """Digits after the point."""
    if data_of(cells).max(initial=0) > ord("9"):
        raise NotBinary  # an exponent
    points = pc.fill_null(pc.find_substring(cells, "."), -1).to_numpy(zero_copy_only=False)
    return np.where(points < 0, 0, np.diff(offsets_of(cells)) - points - 1).astype(np.int32)


def _as_binary(fields: NDArray[np.int16], cells: pa.Array) -> pa.Array:
    rows, width = len(fields), fields.shape[1] * fields.itemsize
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    made = pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(fields)])
    return pc.if_else(cells.is_valid(), made, pa.scalar(None, pa.binary())) if cells.null_count else made
