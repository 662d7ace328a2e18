"""The cells of a block, by columns. Arrow reads them; where it and the splitter disagree, Python's `csv` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv

from wharf.ingest_worker.reading.delimiter import rows_of
from wharf.ingest_worker.reading.reasons import NUMBER

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


def parse(block: Block, syntax: Syntax, width: int) -> Cells:
    """The cells of all records of a block under a header of `width` cells."""
    text = _whole_text(block, syntax)
    found = _read(text, syntax, width) if text is not None else None
    if found is not None:
        cells = _cells(block, np.arange(len(block)), found, width)
        if cells is not None:
            return cells
    return _parse_readable(block, syntax, width)


def parse_exactly(block: Block, syntax: Syntax, width: int, readable: Positions) -> Cells:
    """The same, record by record in Python: for a block on which the fast path does not agree with the splitter."""
    rows = list(rows_of((block.record(i).decode(syntax.codec) for i in readable), syntax))
    widths = np.array([len(row) for row in rows], dtype=np.int64)
    good = np.flatnonzero(widths == width)
    columns = [pa.array([rows[i][n] or None for i in good], pa.string()) for n in range(width)]
    faults = {int(readable[i]): _width_fault(int(widths[i]), width) for i in np.flatnonzero(widths != width)}
    return _with_unreadable(block, columns, readable[good], faults, readable)


def _parse_readable(block: Block, syntax: Syntax, width: int) -> Cells:
    """Without the records that are no text in the encoding."""
    readable = _readable(block, syntax)
    found = _read(_text_of(block, syntax, readable), syntax, width) if readable.size else None
    cells = _cells(block, readable, found, width) if found is not None else None
    return cells if cells is not None else parse_exactly(block, syntax, width, readable)


def _whole_text(block: Block, syntax: Syntax) -> Any:  # noqa: ANN401 - a buffer of Arrow
    """The block's text in UTF-8; None where some of it is no text, or must be left out."""
    if block.gaps:
        return None
    try:
        if syntax.codec not in UTF8:
            return pa.py_buffer(block.data[: block.consumed].decode(syntax.codec).encode())
        text = pa.py_buffer(block.data).slice(0, block.consumed)
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
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=text.size + 1),
            parse_options=_parse_options(syntax, ragged),
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
    return table, ragged


def _parse_options(syntax: Syntax, ragged: list[tuple[int, int]]) -> csv.ParseOptions:
    def keep(row: csv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    return csv.ParseOptions(
        delimiter=syntax.delimiter,
        quote_char=syntax.quote or False,
        double_quote=True,
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
    at = np.array([number - 1 for number, _ in ragged], dtype=np.int64)
    columns = [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]
    faults = {int(readable[i]): _width_fault(n, width) for i, (_, n) in zip(at, ragged, strict=True)}
    return _with_unreadable(block, columns, np.delete(readable, at), faults, readable)


def _with_unreadable(
    block: Block, columns: Sequence[pa.Array], records: Positions, faults: dict[int, int], readable: Positions
) -> Cells:
    if readable.size != len(block):
        unreadable = np.setdiff1d(np.arange(len(block)), readable)
        faults |= dict.fromkeys(unreadable.tolist(), NUMBER["invalid_encoding"])
    faulty = sorted(faults)
    numbers = np.array([faults[i] for i in faulty], dtype=np.int8)
    return Cells(tuple(columns), records, np.array(faulty, dtype=np.int64), numbers)


def _width_fault(cells: int, width: int) -> int:
    return NUMBER["too_many_cells" if cells > width else "too_few_cells"]
