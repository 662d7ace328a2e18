"""Products of a row's numbers where the file has none, exactly: decimals are texts until PostgreSQL has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from wharf.common.profiles import Column

EXACT = pa.decimal256(37, 12)
"""A factor: with more digits than this it is left to PostgreSQL."""


def with_products(rows: pa.Table, column: Column) -> pa.Table | None:
    """The rows with that column filled; None where Arrow cannot compute it exactly."""
    values = rows[column.name].combine_chunks()
    if not column.product_of or not values.null_count:
        return rows
    product = _product([rows[name].combine_chunks() for name in column.product_of])
    if product is None:
        return None
    filled = pc.coalesce(values, _plain(product)) if pa.types.is_string(values.type) else None
    if filled is None:
        return None
    return rows.set_column(rows.schema.get_field_index(column.name), column.name, filled)


def _product(factors: list[pa.Array]) -> pa.Array | None:
    try:
        first, *others = (factor.cast(EXACT) for factor in factors)
        for other in others:
            first = pc.multiply(first, other)
    except pa.ArrowInvalid:
        return None
    return first


def _plain(product: pa.Array) -> pa.Array:
    """As texts without the zeros that the scale brings."""
    return pc.replace_substring_regex(product.cast(pa.string()), r"\.?0+$", "")
