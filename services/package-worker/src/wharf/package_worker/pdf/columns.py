"""The widths of a table's columns: by what is in them, and by what the page has room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from wharf.common.packages import NUMERIC, Format, Locale, ReportColumn
from wharf.package_worker.figures import written
from wharf.package_worker.pdf.measures import PAD_X, SIZE
from wharf.package_worker.pdf.type import Setter
from wharf.package_worker.text import Style

USUAL = 0.98
"""So many of a column's cells should fit on one line."""
NARROWEST, READABLE = 3000, 7000
"""The least width of any column, and of a text that is wrapped."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A column and where it stands: from `left`, `width` wide, cells inset by the padding."""

    index: int
    column: ReportColumn
    left: int
    width: int

    @property
    def is_right(self) -> bool:
        """Whether its cells are aligned to the right."""
        return self.column.format in NUMERIC

    @property
    def room(self) -> int:
        """The width of its cells' text."""
        return self.width - 2 * PAD_X


def place_columns(
    setter: Setter, columns: Sequence[ReportColumn], sample: pa.Table, locale: Locale, *, left: int, inner: int
) -> list[list[Placed]]:
    """The columns side by side; in several panels, one after the other, where they are too many for the page."""
    wishes = [
        _wish(setter, column, written(sample.column(number).combine_chunks(), column, locale))
        for number, column in enumerate(columns)
    ]
    leasts = [min(wish, _least(column, wish)) for column, wish in zip(columns, wishes, strict=True)]
    panels = list(_panels(leasts, inner))
    return [_placed(panel, columns, _shared(panel, wishes, leasts, inner), left) for panel in panels]


def _wish(setter: Setter, column: ReportColumn, texts: pa.StringArray) -> int:
    """The width at which most cells stand on one line, and the title on at most two."""
    widths = [setter.width(text, SIZE) for text in texts.to_pylist()]
    cells = int(np.quantile(widths, USUAL)) if widths else 0
    words = max((setter.width(word, SIZE, Style.BOLD) for word in column.title.split()), default=0)
    half = setter.width(column.title, SIZE, Style.BOLD) * 55 // 100
    return max(cells + SIZE // 10, words, half, NARROWEST - 2 * PAD_X) + 2 * PAD_X


def _least(column: ReportColumn, wish: int) -> int:
    return min(wish, READABLE) if column.format is Format.TEXT else wish


def _panels(leasts: Sequence[int], inner: int) -> Iterator[list[int]]:
    panel: list[int] = []
    for number, least in enumerate(leasts):
        if panel and sum(leasts[n] for n in panel) + least > inner:
            yield panel
            panel = []
        panel.append(number)
    yield panel


def _shared(panel: Sequence[int], wishes: Sequence[int], leasts: Sequence[int], inner: int) -> list[int]:
    """Each column's wish where there is room; else what is over its least is shared out in proportion."""
    wish, least = sum(wishes[n] for n in panel), sum(leasts[n] for n in panel)
    if wish <= inner:
        spare = min(inner - wish, wish)
        return [wishes[n] + spare * wishes[n] // wish for n in panel]
    if least >= inner:
        return [leasts[n] * inner // least for n in panel]
    return [leasts[n] + (wishes[n] - leasts[n]) * (inner - least) // (wish - least) for n in panel]


def _placed(panel: Sequence[int], columns: Sequence[ReportColumn], widths: Sequence[int], left: int) -> list[Placed]:
    found = []
    for number, width in zip(panel, widths, strict=True):
        found.append(Placed(number, columns[number], left, width))
        left += width
    return found
