"""Places of rejected rows: where rows are numbered within a group, they count in theirs and get a number too."""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.cells import as_mask
from wharf.ingest_worker.reading.csvrows import rows_of
from wharf.ingest_worker.reading.jsontext import VISIBLE_NUL
from wharf.ingest_worker.reading.texts import exact_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wharf.ingest_worker.reading.cells import Mask
    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.splitter import Positions, Syntax

NO_PLACES: Final = pa.table({})
"""Without rows its columns do not matter."""
DAMAGE: Final = re.compile("[\udc80-\udcff\ufffd]")
"""What stands in a text for bytes that are none."""


def places_of_rows(block: Block, records: Positions, cells: Mapping[str, pa.Array]) -> pa.Table:
    """The places of rows whose group can be read: the group's columns, `_line` and `_rejected_at`, their byte offset.

    `records` are their indices in the block; `cells` the trimmed text of the columns by which rows are numbered.
    """
    if not cells:
        return NO_PLACES
    known = reduce(pc.and_, [text.is_valid() for text in cells.values()])
    groups = {name: pc.replace_substring(text, "\0", VISIBLE_NUL) for name, text in cells.items()}
    lines, offsets = block.lines[records], block.starts[records] + block.start.byte_offset
    return pa.table(groups | {"_line": pa.array(lines), "_rejected_at": pa.array(offsets)}).filter(known)


def places_of_records(block: Block, syntax: Syntax, records: Positions, groups: Mapping[str, int]) -> pa.Table:
    """The same of records that are no rows, as far as their cells can be told apart and read.

    `groups` are the columns by which rows are numbered, with their places in the file.
    """
    if not records.size or not groups:
        return NO_PLACES
    texts = exact_texts(block, records, syntax.codec)
    if texts is None:
        return places_of_rows(block, records, _told_by_csv(block, syntax, records, groups))
    cells, hard = _split(texts, syntax, groups)
    told = _told_by_csv(block, syntax, records[hard], groups)
    return places_of_rows(block, records, {n: pc.replace_with_mask(cells[n], hard, told[n]) for n in groups})


def all_places(tables: Iterable[pa.Table]) -> pa.Table:
    """Those of several kinds, in no order."""
    found = [table for table in tables if table.num_rows]
    return pa.concat_tables(found) if found else NO_PLACES


def _split(texts: pa.Array, syntax: Syntax, groups: Mapping[str, int]) -> tuple[dict[str, pa.Array], Mask]:
    """Their cells, if they are no more than what stands between delimiters; and of which records they are more."""
    needed = max(groups.values()) + 1
    parts = pc.split_pattern(texts, syntax.delimiter, max_splits=needed)
    heads = pc.binary_join(pc.list_slice(parts, 0, needed), syntax.delimiter)
    marks = [mark for mark in (syntax.quote, syntax.escape, syntax.newline_mark) if mark]
    hard = [as_mask(pc.match_substring(heads, mark)) for mark in marks]
    return {n: _part(parts, i) for n, i in groups.items()}, reduce(np.logical_or, hard, np.zeros(len(texts), np.bool_))


def _part(parts: pa.Array, index: int) -> pa.Array:
    """One of the parts of each text, trimmed; null where it is empty, or there are fewer."""
    cells = pc.utf8_trim_whitespace(pc.list_slice(parts, index, index + 1, return_fixed_size_list=True).flatten())
    return pc.if_else(pc.equal(pc.binary_length(cells), 0), pa.scalar(None, pa.string()), cells)


def _told_by_csv(block: Block, syntax: Syntax, records: Positions, groups: Mapping[str, int]) -> dict[str, pa.Array]:
    rows = list(rows_of((_readable(block.record(i), syntax) for i in records.tolist()), syntax))
    return {name: pa.array([_cell(row, i) for row in rows], pa.string()) for name, i in groups.items()}


def _readable(record: bytes, syntax: Syntax) -> str:
    return record.decode(syntax.codec, "surrogateescape" if syntax.unit == 1 else "replace")


def _cell(row: Sequence[str], index: int) -> str | None:
    cell = row[index].strip() if index < len(row) else ""
    return cell if cell and not DAMAGE.search(cell) else None
