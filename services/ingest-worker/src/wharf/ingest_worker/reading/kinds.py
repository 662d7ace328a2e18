"""What a single cell looks like: by this a column of data is told from its header, and one delimiter from another."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

TYPED: Final = re.compile(
    r"""
    (?P<number>[-+(]?\s*[$€£¥]?\s*[-+]?(?:\d[\d.,'\ ]*\d|\d|\.\d+)(?:[eE][-+]?\d+)?\s*[%$€£¥)]?-?)
    |(?P<date>\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}[-/.\ ][A-Za-z]{3,9}[-/.\ ,]+\d{2,4}
        |[A-Za-z]{3,9}\ \d{1,2},\ \d{4})
    |(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\ ?[AaPp][Mm])?)
    |(?P<moment>\d{1,4}[-/.](?:\d{1,2}|[A-Za-z]{3})[-/.]\d{1,4}[T\ ]\d{1,2}:\d{2}\S*
        (?:\ ?[AaPp][Mm])?(?:\ ?[-+]\d\d:?\d\d|\ UTC)?)
    |(?P<boolean>true|false|yes|no|[Tt]rue|[Ff]alse|TRUE|FALSE)
    |(?P<address>[\w.+-]+@[\w-]+\.[\w.-]+|[a-z][a-z0-9+.-]+://\S+)
    |(?P<code>(?=[^\s]*\d)[A-Za-z0-9]+(?:[-_/.][A-Za-z0-9]+)*)
    """,
    re.VERBOSE,
)
WORDS: Final = re.compile(r"[^\W\d_][\w .'&/()%#*+?!°-]*")
LONGEST: Final = 200
CERTAIN: Final = frozenset({"number", "date", "time", "moment", "boolean", "address"})
"""Kinds that no header has, unless its column is called by a year. A code may be one: `Q1`."""
MOST: Final = 0.8
"""Of a column's cells are of its kind."""


@lru_cache(maxsize=65_536)
def kind_of(cell: str) -> str:
    """`empty`, a typed kind (see `TYPED`), `words`, or `text` for all else."""
    text = cell.strip()
    if not text:
        return "empty"
    if len(text) > LONGEST:
        return "text"
    found = TYPED.fullmatch(text)
    if found:
        return str(found.lastgroup)
    return "words" if WORDS.fullmatch(text) else "text"


def kind_of_column(cells: Iterable[str]) -> str | None:
    """The certain kind that most of the cells have, empty ones apart; None where there is none."""
    counts = Counter(kind_of(cell) for cell in cells)
    filled = sum(counts.values()) - counts["empty"]
    if not filled:
        return None
    kind, often = max(((k, n) for k, n in counts.items() if k != "empty"), key=lambda pair: pair[1])
    return kind if kind in CERTAIN | {"code"} and often >= MOST * filled else None
