"""The measures of the page and of the type on it: one place, in hundredths of a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from reportlab.lib.pagesizes import A4, LETTER

from wharf.common.packages import Page
from wharf.package_worker.pdf.ink import POINT

SIZE, LEADING = 750, 980
"""The type of tables, and from line to line."""
PAD_X, PAD_TOP, PAD_BOTTOM = 400, 130, 130
SMALL = 700
HEAD = 1700
"""From a table's top edge to its first row, at least."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A page and its margins."""

    width: int
    height: int
    left: int = 48 * POINT
    right: int = 48 * POINT
    top: int = 64 * POINT
    bottom: int = 52 * POINT

    @classmethod
    def of(cls, page: Page) -> Self:
        """The paper that a declaration asks for."""
        short, long = (round(side * POINT) for side in (A4 if page.size == "A4" else LETTER))
        return (
            cls(short, long) if page.orientation == "portrait" else cls(long, short, top=60 * POINT, bottom=46 * POINT)
        )

    @property
    def inner(self) -> int:
        """The width between the margins."""
        return self.width - self.left - self.right

    @property
    def ceiling(self) -> int:
        """Where the text begins."""
        return self.height - self.top
