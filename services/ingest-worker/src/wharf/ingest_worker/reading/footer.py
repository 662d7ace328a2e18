"""Lines below a table that are none of its rows: a source, a sum, a remark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wharf.ingest_worker.reading.header import SHOWN
from wharf.ingest_worker.reading.kinds import CERTAIN, kind_of

if TYPE_CHECKING:
    from wharf.ingest_worker.reading.delimiter import Sample
    from wharf.ingest_worker.reading.header import Row
    from wharf.ingest_worker.reading.structure import Rows

MOST: Final = 20
"""Rows of a footer; more are data with something wrong."""
FEWEST_ROWS: Final = 2
NARROWEST: Final = 3
"""Of a table in which a row with one cell can be told from the others."""
REMARK: Final = re.compile(
    r"(?i)\W*(?:total|sum|source|notes?|footnote|end\b|generated|exported|copyright|page|[*\u00a9#])"
)
Ending = tuple[int | None, tuple[tuple[str, str], ...]]


def footer(sample: Sample, seen: Rows, first: int) -> Ending:
    """Where the footer begins, and its lines; nothing where the file ends with its last row.

    A row with one cell filled belongs to it where an empty line stands before it or its words are those of a remark:
    a row that is cut off, or lacks its cells, is a row with something wrong. `first`: the index of the row before the
    first one that may be data; a table of hardly any rows has no footer.
    """
    last = len(seen.rows)
    while last > 1 and len(seen.rows) - last < MOST and _is_alone(seen.rows[last - 1], seen.width):
        last -= 1
    found = seen.rows[last:]
    if seen.width < NARROWEST or last - first <= FEWEST_ROWS or not any(_filled(row) for row in found):
        return None, ()
    apart = found[0].line > _line_after(seen.rows[last - 1]) or not _filled(found[0])
    if not apart and not REMARK.match(next(row.text for row in found if _filled(row))):
        return None, ()
    text = sample.data[found[0].offset :].decode(sample.codec, "replace")
    lines = re.split("\r\n|\r|\n", text.rstrip("\r\n"))
    return found[0].offset, tuple((line[:SHOWN], "footer" if line.strip() else "blank") for line in lines)


def _is_alone(row: Row, width: int) -> bool:
    """Whether one cell at most is filled, the first, and with words."""
    filled = _filled(row)
    remark = bool(row.cells) and bool(row.cells[0].strip()) and kind_of(row.cells[0]) not in CERTAIN
    return filled <= 1 and len(row.cells) in {1, width} and (filled == 0 or remark)


def _filled(row: Row) -> int:
    return sum(bool(cell.strip()) for cell in row.cells)


def _line_after(row: Row) -> int:
    return row.line + 1 + len(re.findall("\r\n|\r|\n", row.text))
