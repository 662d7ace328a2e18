"""Numbers within a group, in the file's order, for files that are read batch by batch from the beginning.

A group goes on from one batch to the next where its rows stand together. One that comes again later would be numbered
from 1 again. Straight into the dataset, its key then finds it; for staging the groups must be seen to stand together:
they do where each batch's groups come after all before them, as in most exports. Else rows are numbered all at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Carry:
    """The last group of a batch, how many rows of it there were, and what is known of all groups so far."""

    group: tuple[str, ...]
    count: int
    together: bool = False
    """Every group's rows stand together, as far as the file was read."""
    least: str | None = None
    greatest: str | None = None
    """Of all groups so far, where they are told apart by one column."""


def together(carries: Mapping[str, Carry | None]) -> bool:
    """Whether the rows of every group stand together, in all columns that are numbered."""
    return all(carry is None or carry.together for carry in carries.values())


@dataclass(frozen=True, slots=True)
class Numbered:
    """Numbers of good rows and of rejected ones, and what the next batch has to know."""

    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    carry: Carry | None


def numbered(rows: pa.Table, places: pa.Table, group: Sequence[str], carry: Carry | None) -> Numbered:
    """1, 2, 3 … among the rows that agree in the columns of `group`; `places` are those of rejected rows, counted too.

    Both tables have these columns and `_line`, but for places where there are none.
    """
    places = places if places.num_rows else rows.slice(0, 0)
    lines = np.concatenate([_numbers(rows["_line"]), _numbers(places["_line"])])
    order = np.argsort(lines, kind="stable")
    codes = _codes(rows, places, group)[order]
    found = _ranks(codes)
    if not lines.size:
        return Numbered(found, found, carry)
    first, last = (_group_at(rows, places, group, int(order[at])) for at in (0, -1))
    if carry is not None and first == carry.group:
        found += np.where(codes == codes[0], carry.count, 0)
    numbers = np.empty(lines.size, dtype=np.int64)
    numbers[order] = found
    spread = _spread(codes, _groups_seen(rows, places, group), first, carry)
    return Numbered(numbers[: rows.num_rows], numbers[rows.num_rows :], Carry(last, int(found[-1]), *spread))


def _groups_seen(rows: pa.Table, places: pa.Table, group: Sequence[str]) -> tuple[str, str] | None:
    """The least and the greatest group of a batch; None where they have several columns, or some row has none."""
    found = pa.chunked_array([_texts(rows, group[0]), _texts(places, group[0])])
    if len(group) != 1 or found.null_count:
        return None
    bounds = pc.min_max(found)
    return bounds["min"].as_py(), bounds["max"].as_py()


def _spread(
    codes: NDArray[np.int64], seen: tuple[str, str] | None, first: tuple[str, ...], carry: Carry | None
) -> tuple[bool, str | None, str | None]:
    """Whether all groups stand together, and the least and greatest so far."""
    runs = 1 + int((codes[1:] != codes[:-1]).sum())
    together = seen is not None and runs == int(codes.max()) + 1  # a number for each group of the one column
    if carry is None or seen is None or carry.least is None or carry.greatest is None:
        return (together and carry is None, *(seen or (None, None)))
    goes_on = first == carry.group
    after = seen[0] > carry.greatest or (goes_on and seen[0] == carry.greatest)
    before = seen[1] < carry.least or (goes_on and seen[1] == carry.least)
    apart = carry.together and (after or before)
    return together and apart, min(seen[0], carry.least), max(seen[1], carry.greatest)


def _ranks(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each element among its equals, from 1."""
    by_code = np.argsort(codes, kind="stable")
    sorted_codes = codes[by_code]
    first = np.concatenate([[True], sorted_codes[1:] != sorted_codes[:-1]])[: codes.size]
    starts = np.flatnonzero(first)
    ranks = np.empty(codes.size, dtype=np.int64)
    ranks[by_code] = np.arange(codes.size) - np.repeat(starts, np.diff(np.append(starts, codes.size))) + 1
    return ranks


def _codes(rows: pa.Table, places: pa.Table, group: Sequence[str]) -> NDArray[np.int64]:
    """One number for each different group."""
    codes: Any = 0
    for name in group:
        both = pa.concat_arrays([_texts(rows, name), _texts(places, name)]).dictionary_encode("encode")
        own = both.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        codes = codes * len(both.dictionary) + own
    return np.asarray(codes, dtype=np.int64)


def _texts(table: pa.Table, name: str) -> pa.Array:
    return table[name].cast(pa.string()).combine_chunks()


def _numbers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.to_numpy())


def _group_at(rows: pa.Table, places: pa.Table, group: Sequence[str], at: int) -> tuple[str, ...]:
    table, index = (rows, at) if at < rows.num_rows else (places, at - rows.num_rows)
    return tuple(str(table[name][index].as_py()) for name in group)
