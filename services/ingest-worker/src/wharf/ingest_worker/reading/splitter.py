"""Record ends and line ends in a window of the original bytes.

A quote is special only where a field begins; inside a quoted field a doubled quote is data and any
other quote closes the field. Python's `csv` and Arrow read the same way. Followed from one run of
quotes to the next this machine has two states, and its state after every run can be said at once:
a run of even length changes nothing; an odd run where a field begins toggles (it opens outside and
closes inside); any other odd run leaves us outside (it closes, or it is data as in `5" pipe`). So the
state is the parity of the toggling runs since the last other one: exact, and no byte is visited by Python.

Line ends are LF, CRLF and a CR alone, in any mixture. In East Asian encodings a byte of `|` may be
the second byte of a letter; a quote right after such a letter would be taken for a field's first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from wharf.common.imports import WIDE_ENCODINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]

LF: Final = 10
CR: Final = 13
NOTHING: Final = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Syntax:
    """What the splitter must know of a dialect. `quote` is empty where quotes are data."""

    codec: str
    delimiter: str
    quote: str

    @property
    def unit(self) -> int:
        """Bytes of one code unit."""
        return int(self.codec[4:6]) // 8 if self.codec in WIDE_ENCODINGS else 1

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """One code unit as numpy sees it."""
        return np.dtype(f"{'>' if self.codec.endswith('-be') else '<'}u{self.unit}")


class Splitter:
    """Finds line ends and record ends in one window of bytes."""

    def __init__(self, data: bytes, syntax: Syntax, *, at_end: bool) -> None:
        """`at_end`: the window reaches the end of the file."""
        self.data = data
        self.syntax = syntax
        self.at_end = at_end
        self.units = np.frombuffer(data, dtype=syntax.dtype, count=len(data) // syntax.unit)

    @cached_property
    def breaks(self) -> Positions:
        """The last unit of every line end, in or out of quotes."""
        feeds = self._where(LF)
        if b"\r" not in self.data:
            return feeds
        returns = self._where(CR)
        alone = returns[self._unit_after(returns) != LF]
        if not self.at_end and alone.size and alone[-1] == self.units.size - 1:
            alone = alone[:-1]  # its LF may be in the next window
        return np.sort(np.concatenate([feeds, alone])) if alone.size else feeds

    @cached_property
    def record_breaks(self) -> Positions:
        """Indices into `breaks` of those that end a record."""
        runs, opened = self._quote_states
        if not runs.size:
            return np.arange(self.breaks.size)
        before = np.searchsorted(runs, self.breaks) - 1
        inside = (before >= 0) & opened[before]
        return np.flatnonzero(~inside)

    @property
    def open_at_end(self) -> bool:
        """Whether the window ends inside a quoted field."""
        _, opened = self._quote_states
        return bool(opened.size and opened[-1])

    @cached_property
    def _quote_states(self) -> tuple[Positions, NDArray[np.bool_]]:
        """Start of each odd run of quotes, and whether a quoted field is open after it."""
        quotes = self._where(ord(self.syntax.quote)) if self.syntax.quote else NOTHING
        if not quotes.size:
            return NOTHING, np.empty(0, dtype=np.bool_)
        first = np.flatnonzero(np.diff(quotes, prepend=-2) != 1)
        odd = (np.diff(first, append=quotes.size) & 1).astype(np.bool_)
        runs = quotes[first[odd]]
        order = np.arange(runs.size)
        last_reset = np.maximum.accumulate(np.where(self._begins_field(runs), -1, order))
        return runs, ((order - last_reset) & 1).astype(np.bool_)

    def _begins_field(self, at: Positions) -> NDArray[np.bool_]:
        before = self.units[at - 1]
        found: NDArray[np.bool_] = np.isin(before, (ord(self.syntax.delimiter), LF, CR)) | (at == 0)
        return found

    def _unit_after(self, at: Positions) -> NDArray[np.unsignedinteger]:
        following = self.units[np.minimum(at + 1, self.units.size - 1)]
        return np.where(at == self.units.size - 1, 0, following)

    def _where(self, unit: int) -> Positions:
        return np.flatnonzero(self.units == unit)
