"""Numbers within a group, in the file's order, for files that are read batch by batch from the beginning.

A group goes on from one batch to the next where its rows stand together. One that comes again later would be numbered
from 1 again. Straight into the dataset, its key then finds it; for staging the groups must be seen to stand together:
they do where each batch's groups come after all before them, as in most exports. Else rows are numbered all at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.cells import as_mask

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
    found = _told_apart(rows, places, group)
    codes = found.codes[order]
    ranks = _ranks(codes)
    if not lines.size:
        return Numbered(ranks, ranks, carry)
    first, last = (_group_at(rows, places, group, int(order[at])) for at in (0, -1))
    if carry is not None and first == carry.group:
        ranks += np.where(codes == codes[0], carry.count, 0)
    numbers = np.empty(lines.size, dtype=np.int64)
    numbers[order] = ranks
    spread = _spread(codes, found.bounds, first, carry)
    return Numbered(numbers[: rows.num_rows], numbers[rows.num_rows :], Carry(last, int(ranks[-1]), *spread))


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


@dataclass(frozen=True, slots=True)
class _Groups:
    """A number for each group, from 0 to `count`. `bounds`: the least and the greatest, where no row is without one."""

    codes: NDArray[np.int64]
    count: int
    bounds: tuple[str, str] | None


def _told_apart(rows: pa.Table, places: pa.Table, group: Sequence[str]) -> _Groups:
    """All rows' groups, those of rejected ones behind them; without bounds where several columns make a group."""
    columns = [pa.concat_arrays([_texts(rows, name), _texts(places, name)]) for name in group]
    first, *others = (_in_order(cells) or _in_any_order(cells) for cells in columns)
    codes = first.codes
    for other in others:
        codes = codes * other.count + other.codes
    return replace(first, codes=codes, bounds=None if others else first.bounds)


def _in_order(cells: pa.Array) -> _Groups | None:
    """Of cells that only go up, as in most exports: three times as fast as to look each of them up."""
    if len(cells) < 2 or cells.null_count:  # noqa: PLR2004 - there is an order among two
        return None
    before, after = cells.slice(0, len(cells) - 1), cells.slice(1)
    higher = as_mask(pc.less(before, after))
    if not (higher.all() or (higher | as_mask(pc.equal(before, after))).all()):
        return None
    codes = np.concatenate([[0], np.cumsum(higher)])
    return _Groups(codes, int(codes[-1]) + 1, (cells[0].as_py(), cells[-1].as_py()))


def _in_any_order(cells: pa.Array) -> _Groups:
    found = cells.dictionary_encode("encode")
    codes = found.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    bounds = None if cells.null_count or not len(cells) else pc.min_max(found.dictionary)
    seen = None if bounds is None else (bounds["min"].as_py(), bounds["max"].as_py())
    return _Groups(codes, len(found.dictionary), seen)


def _texts(table: pa.Table, name: str) -> pa.Array:
    return table[name].cast(pa.string()).combine_chunks()


def _numbers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.to_numpy())


def _group_at(rows: pa.Table, places: pa.Table, group: Sequence[str], at: int) -> tuple[str, ...]:
    table, index = (rows, at) if at < rows.num_rows else (places, at - rows.num_rows)
    return tuple(str(table[name][index].as_py()) for name in group)
