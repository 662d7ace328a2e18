"""How much of a polluted file a reader recovered: ten measures of 0 to 1, as Pollock has them.

Whether it was read at all; and of the header, the records and the cells precision, recall and F1. Records are
compared as a whole, cells wherever they are; space around a cell and its case count for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from tests.pollution.polluter import Polluted

Measures = tuple[float, float, float]
FULL: Measures = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Found:
    """What a reader made of a file."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def score(file: Polluted, found: Found | None) -> float:
    """The sum of the ten measures; 0 where the reader failed."""
    if found is None:
        return 0.0
    header = FULL if not file.header else _measures(map(_plain, file.header), map(_plain, found.header))
    records = _measures(map(_record, file.rows), map(_record, found.rows)) if file.rows else FULL
    cells = _measures(_cells(file.rows), _cells(found.rows)) if file.rows else FULL
    return 1.0 + sum(header) + sum(records) + sum(cells)


def mean(scores: Iterable[tuple[Polluted, float]], *, weighted: bool = False) -> float:
    """The mean of many files' scores, each file counted once or as often as it is met."""
    pairs = [(file.weight if weighted else 1.0, value) for file, value in scores]
    return sum(weight * value for weight, value in pairs) / sum(weight for weight, _ in pairs)


def _plain(cell: str | None) -> str:
    return " ".join((cell or "").split()).lower()


def _record(row: Sequence[str]) -> str:
    return "".join(_plain(cell) or "null" for cell in row)


def _cells(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    return (_plain(cell) for row in rows for cell in row)


def _measures(wanted: Iterable[Hashable], found: Iterable[Hashable]) -> Measures:
    wants, has = Counter(wanted), Counter(found)
    common = sum((wants & has).values())
    if not common:
        return (0.0, 0.0, 0.0)
    precision, recall = common / sum(has.values()), common / sum(wants.values())
    return (precision, recall, 2 * precision * recall / (precision + recall))
