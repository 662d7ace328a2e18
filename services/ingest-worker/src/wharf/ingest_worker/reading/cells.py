"""Columns of text cells, and the few vectorised steps that every type shares. Null is an empty cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Faults = NDArray[np.int8]
    Mask = NDArray[np.bool_]


def byte_table(members: bytes) -> Mask:
    """For every byte whether it is one of `members`."""
    table = np.zeros(256, dtype=np.bool_)
    table[np.frombuffer(members, dtype=np.uint8)] = True
    return table


ASCII_SPACE: Final = byte_table(b" \t\n\x0b\x0c\r\x1c\x1d\x1e\x1f")
MAYBE_SPACE_FIRST: Final = byte_table(b"\xc2\xe1\xe2\xe3")
"""First bytes of the spaces outside ASCII (U+00A0, U+2000 and so on)."""
MAYBE_SPACE_LAST: Final = byte_table(bytes(range(0x80, 0xC0)))


@dataclass(frozen=True, slots=True)
class Converted:
    """A column in its type. `faults` has one number of `reasons.CODES` for each cell; None: all are good."""

    values: pa.Array
    faults: Faults | None = None


def data_of(cells: pa.Array) -> NDArray[np.uint8]:
    """All bytes of all cells, one after the other."""
    offsets = offsets_of(cells)
    buffer = cells.buffers()[2]
    if buffer is None or not buffer.size:
        return np.empty(0, dtype=np.uint8)
    return np.frombuffer(buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]


def offsets_of(cells: pa.Array) -> NDArray[np.int32]:
    """Where each cell's bytes begin, one more for the end."""
    buffer = cells.buffers()[1]
    if not len(cells) or buffer is None:
        return np.zeros(1, dtype=np.int32)
    return np.frombuffer(buffer, dtype=np.int32)[cells.offset : cells.offset + len(cells) + 1]


def edges(cells: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """First and last byte of every cell that is not empty."""
    offsets, data = offsets_of(cells), data_of(cells)
    filled = offsets[1:] > offsets[:-1]
    base = offsets[0]
    return data[offsets[:-1][filled] - base], data[offsets[1:][filled] - base - 1]


def longest(cells: pa.Array) -> int:
    """Bytes of the longest cell."""
    return int(np.diff(offsets_of(cells)).max(initial=0))


def trimmed(cells: pa.Array) -> pa.Array:
    """Cells without the space around them; what is empty then is null."""
    if _has_plain_marks_only(data_of(cells)):
        return cells
    first, last = edges(cells)
    wide = MAYBE_SPACE_FIRST[first].any() or MAYBE_SPACE_LAST[last].any()
    if not wide and not (ASCII_SPACE[first].any() or ASCII_SPACE[last].any()):
        return cells
    shorter = pc.utf8_trim_whitespace(cells) if wide else pc.ascii_trim_whitespace(cells)
    return pc.if_else(pc.equal(pc.binary_length(shorter), 0), pa.scalar(None, pa.string()), shorter)


def _has_plain_marks_only(data: NDArray[np.uint8]) -> bool:
    """Printable ASCII without a space: most columns, and seen at once."""
    return not data.size or bool(data.min() > ord(" ") and data.max() < 0x80)  # noqa: PLR2004 - the end of ASCII


def without_nulls(cells: pa.Array, nulls: Sequence[str]) -> pa.Array:
    """Cells that mean nothing are null. `nulls` are in lower case; space around a cell does not matter."""
    if not nulls:
        return cells
    means_nothing = pc.is_in(pc.utf8_lower(trimmed(cells)), pa.array(nulls, pa.string()))
    return pc.if_else(means_nothing, pa.scalar(None, pa.string()), cells)


def as_mask(values: pa.Array) -> Mask:
    """A boolean column as numpy has it, null as False."""
    filled = pc.fill_null(values, False) if values.null_count else values  # noqa: FBT003 - a value, not a flag
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.bool_)


def matching(cells: pa.Array, pattern: str) -> Mask:
    """Which cells match a regular expression (RE2); null does not."""
    return as_mask(pc.match_substring_regex(cells, pattern))


def by_parts(
    cells: pa.Array,
    mask: Mask,
    usual: Callable[[pa.Array], Converted],
    other: Callable[[pa.Array], Converted],
) -> Converted:
    """Convert the cells of `mask` by `usual` and the others by `other`, in their old order."""
    if mask.all():
        return usual(cells)
    if not mask.any():
        return other(cells)
    places = np.flatnonzero(mask), np.flatnonzero(~mask)
    parts = [convert(cells.take(pa.array(at))) for convert, at in zip((usual, other), places, strict=True)]
    order = np.empty(len(cells), dtype=np.int64)
    order[np.concatenate(places)] = np.arange(len(cells))
    faults = np.concatenate([_faults(part) for part in parts])[order]
    return Converted(pa.concat_arrays([part.values for part in parts]).take(pa.array(order)), faults)


def by_distinct(cells: pa.Array, convert: Callable[[pa.Array], Converted]) -> Converted:
    """Convert each distinct cell once; null stays null and is never given to `convert`."""
    coded = cells.dictionary_encode()
    found = convert(coded.dictionary)
    values = found.values.take(coded.indices)
    if found.faults is None or not found.faults.size:
        return Converted(values)
    places = pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False)
    faults = np.where(as_mask(coded.is_valid()), found.faults[places], 0).astype(np.int8)
    return Converted(values, faults)


def _faults(part: Converted) -> Faults:
    return np.zeros(len(part.values), dtype=np.int8) if part.faults is None else part.faults
