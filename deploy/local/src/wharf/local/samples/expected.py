"""What an import of a sample file must count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ExpectedReject:
    """A row that must be set aside. `line` counts from 1 for the header; `column` is None for the row as a whole."""

    line: int
    byte_offset: int
    column: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What an import of the file must count: `total` is a sum over the good rows, of what its writer says.

    `entities` is how many things of each kind the good rows speak of.
    """

    rows: int
    total: Decimal
    rejects: tuple[ExpectedReject, ...] = ()
    entities: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> int:
        """Rows that must be loaded."""
        return self.rows - len(self.rejects)

    @property
    def rejected(self) -> dict[str, int]:
        """Rows that must be set aside, by code."""
        return dict(Counter(reject.code for reject in self.rejects))
