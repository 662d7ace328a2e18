"""The cells of a block, by columns. Arrow reads them; where it and the splitter disagree, Python's `csv` does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from wharf.ingest_worker.reading.csvrows import cells_of, mended, stand_in
from wharf.ingest_worker.reading.reasons import NUMBER
from wharf.ingest_worker.reading.splitter import NOTHING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.splitter import Positions, Syntax

UTF8: Final = frozenset({"utf-8", "ascii"})
HIGHEST_ASCII: Final = 0x7F


@dataclass(frozen=True, slots=True)
class Cells:
    """What a block holds. Null cells are empty ones."""

    columns: tuple[pa.Array, ...]
    """One text column for each header, of the rows that have the right number of cells."""
    records: Positions
    """Of each row: the index of its record in the block."""
    faulty: Positions
    """Indices of the records that are no rows, in order."""
    faults: NDArray[np.int8]
    """Their reasons, as numbers of `reasons.CODES`."""
    surplus: pa.Array | None = None
    """Of each row: its cells beyond the header as a JSON list, null where it has none. None: no row has any."""
    mended: Positions = field(default_factory=lambda: NOTHING)
    """Records with a stray quote, which was read as a part of its cell."""


def parse(block: Block, syntax: Syntax, width: int) -> Cells:
    """The cells of all records of a block under a header of `width` cells."""
    text = _whole_text(block, syntax) if not block.odd.size else None
    found = _read(text, syntax, width) if text is not None else None
    if found is not None:
        cells = _cells(block, np.arange(len(block)), found, width)
        if cells is not None:
            return cells
    return _parse_readable(block, syntax, width)


def with_rows(found: Cells, records: Positions, rows: Sequence[Sequence[str]], width: int) -> Cells:
    """The same cells with those of more records among them, in the file's order; they are no longer faulty."""
    every = np.concatenate([found.records, records])
    order = np.argsort(every, kind="stable")
    added = [pa.array([row[n] or None for row in rows], pa.string()) for n in range(width)]
    columns = [
        pa.concat_arrays([old, new]).take(pa.array(order)) for old, new in zip(found.columns, added, strict=True)
    ]
    stays = ~np.isin(found.faulty, records)
    return replace(
        found, columns=tuple(columns), records=every[order], faulty=found.faulty[stays], faults=found.faults[stays]
    )


def parse_exactly(block: Block, syntax: Syntax, width: int, readable: Positions) -> Cells:
    """The same, record by record in Python: for a block on which the fast path does not agree with the splitter."""
    rows = [cells_of(block.record(i).decode(syntax.codec), syntax) for i in readable]
    widths = np.array([len(row) for row in rows], dtype=np.int64)
    good, ragged = np.flatnonzero(widths == width), np.flatnonzero(widths != width)
    columns = [pa.array([rows[i][n] or None for i in good], pa.string()) for n in range(width)]
    return _with_unreadable(block, columns, readable, ragged, _width_faults(widths[ragged], width))


def _parse_readable(block: Block, syntax: Syntax, width: int) -> Cells:
    """Without the records that are no text in the encoding; those with a stray quote one by one."""
    readable = _readable(block, syntax)
    even = np.setdiff1d(readable, block.odd, assume_unique=True) if block.odd.size else readable
    found = _read(_text_of(block, syntax, even), syntax, width) if even.size else None
    cells = _cells(block, even, found, width) if found is not None else None
    cells = cells if cells is not None else parse_exactly(block, syntax, width, even)
    return _with_odd(cells, block, syntax, width, np.intersect1d(readable, block.odd, assume_unique=True))


def _with_odd(found: Cells, block: Block, syntax: Syntax, width: int, odd: Positions) -> Cells:
    """Those with a stray quote among the others: mended where they can be, else as `csv` reads them."""
    if not odd.size:
        return found
    texts = [block.record(i).decode(syntax.codec) for i in odd.tolist()]
    mends = [mended(text, syntax, width) for text in texts]
    rows = [mend or cells_of(text, syntax) for mend, text in zip(mends, texts, strict=True)]
    good = np.array([len(row) == width for row in rows], dtype=np.bool_)
    faults = found.faults.copy()
    at = np.searchsorted(found.faulty, odd[~good])
    faults[at] = _width_faults(np.array([len(row) for row in rows if len(row) != width]), width)
    merged = with_rows(replace(found, faults=faults), odd[good], [row for row in rows if len(row) == width], width)
    return replace(merged, mended=odd[[mend is not None for mend in mends]])


def _whole_text(block: Block, syntax: Syntax) -> Any:  # noqa: ANN401 - a buffer of Arrow
    """The block's text in UTF-8; None where some of it is no text, or must be left out."""
    if block.gaps or not len(block):
        return None
    end = int(block.ends[-1])  # a last cell that nothing closes does not take the line end in
    try:
        if syntax.codec not in UTF8:
            return pa.py_buffer(block.data[:end].decode(syntax.codec).encode())
        text = pa.py_buffer(block.data).slice(0, end)
        _validate(text)
    except (UnicodeError, pa.ArrowInvalid):
        return None
    return text


def _validate(text: pa.Buffer) -> None:
    """Raises ArrowInvalid where this is not UTF-8."""
    offsets = pa.py_buffer(np.array([0, text.size], dtype=np.int32))
    pa.Array.from_buffers(pa.binary(), 1, [None, offsets, text]).cast(pa.string())


def _text_of(block: Block, syntax: Syntax, readable: Positions) -> Any:  # noqa: ANN401 - a buffer of Arrow
    """The readable records' text in UTF-8, runs of them copied at once."""
    apart = block.starts[readable[1:]] - block.ends[readable[:-1]] > 2 * syntax.unit  # more than a line end
    runs = np.split(readable, np.flatnonzero(apart) + 1)
    parts = (block.data[block.starts[run[0]] : block.ends[run[-1]]].decode(syntax.codec) for run in runs)
    return pa.py_buffer("\n".join(parts).encode())


def _readable(block: Block, syntax: Syntax) -> Positions:
    """Indices of the records that decode; those of ASCII alone need no look."""
    suspects = np.arange(len(block))
    if syntax.unit == 1:
        high = np.flatnonzero(np.frombuffer(block.data, dtype=np.uint8)[: block.consumed] > HIGHEST_ASCII)
        suspects = np.unique(np.searchsorted(block.starts, high, side="right") - 1)
    bad = [i for i in suspects.tolist() if not _decodes(block.record(i), syntax.codec)]
    return np.delete(np.arange(len(block)), bad)


def _decodes(record: bytes, codec: str) -> bool:
    try:
        record.decode(codec)
    except UnicodeError:
        return False
    return True


def _read(text: Any, syntax: Syntax, width: int) -> tuple[pa.Table, list[tuple[int, int]]] | None:  # noqa: ANN401 - a buffer of Arrow
    """Arrow's table of text, and (row, cells) of the records with another width; None where it cannot."""
    names = [str(i) for i in range(width)]
    ragged: list[tuple[int, int]] = []
    single, text = _single(text, syntax)
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=text.size + 1),
            parse_options=_parse_options(single, ragged),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                null_values=[""],
                check_utf8=False,  # it was; and Arrow reports a ragged row that is none as an error of ours
            ),
        )
    except pa.ArrowInvalid:
        return None
    return _restored(table, single, syntax), ragged


def _single(text: Any, syntax: Syntax) -> tuple[Syntax, Any]:  # noqa: ANN401 - a buffer of Arrow
    """Arrow knows delimiters of one byte: a free character stands in for a longer one."""
    if len(syntax.delimiter) == 1:
        return syntax, text
    data = text.to_pybytes()
    mark = stand_in(data, syntax.delimiter)
    return replace(syntax, delimiter=mark), pa.py_buffer(data.replace(syntax.delimiter.encode(), mark.encode()))


def _restored(table: pa.Table, single: Syntax, syntax: Syntax) -> pa.Table:
    """Cells with the delimiters and line ends that something stood in for."""
    marks = [(syntax.newline_mark, "\n")] if syntax.newline_mark else []
    if single.delimiter != syntax.delimiter:
        marks.append((single.delimiter, syntax.delimiter))
    if not marks:
        return table
    return pa.table({name: _unmarked(table.column(name), marks) for name in table.column_names})


def _unmarked(column: pa.ChunkedArray, marks: list[tuple[str, str]]) -> pa.ChunkedArray:
    for mark, meant in marks:
        column = pc.replace_substring(column, mark, meant)
    return column


def _parse_options(syntax: Syntax, ragged: list[tuple[int, int]]) -> csv.ParseOptions:
    def keep(row: csv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    return csv.ParseOptions(
        delimiter=syntax.delimiter,
        quote_char=syntax.quote or False,
        double_quote=True,
        escape_char=syntax.escape or False,
        newlines_in_values=True,
        invalid_row_handler=keep,
    )


def _cells(
    block: Block, readable: Positions, found: tuple[pa.Table, list[tuple[int, int]]], width: int
) -> Cells | None:
    """Rows and faults by record; None where Arrow saw another number of records than the splitter."""
    table, ragged = found
    if table.num_rows + len(ragged) != readable.size:
        return None
    numbers, widths = np.array(ragged, dtype=np.int64).reshape(-1, 2).T
    at = numbers - 1
    columns = [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]
    return _with_unreadable(block, columns, readable, at, _width_faults(widths, width))


def _with_unreadable(
    block: Block, columns: Sequence[pa.Array], readable: Positions, ragged: Positions, faults: NDArray[np.int8]
) -> Cells:
    """`ragged` are those of the `readable` records that have not as many cells as the header, with their `faults`."""
    unreadable = np.setdiff1d(np.arange(len(block)), readable, assume_unique=True)
    faulty = np.concatenate([readable[ragged], unreadable])
    faults = np.concatenate([faults, np.full(unreadable.size, NUMBER["invalid_encoding"], np.int8)])
    order = np.argsort(faulty)
    return Cells(tuple(columns), np.delete(readable, ragged), faulty[order], faults[order])


def _width_faults(cells: Positions, width: int) -> NDArray[np.int8]:
    return np.where(cells > width, NUMBER["too_many_cells"], NUMBER["too_few_cells"]).astype(np.int8)
