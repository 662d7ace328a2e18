"""Record ends and line ends in a window of the original bytes.

A quote is special only where a field begins; inside a quoted field a doubled quote is data and any
other quote closes the field. Python's `csv` and Arrow read the same way. Followed from one run of
quotes to the next this machine has two states, and its state after every run can be said at once:
a run of even length changes nothing; an odd run where a field begins and ends at once toggles (it opens
outside and closes inside); one where a field only begins opens; any other leaves us outside (it closes, or
it is data as in `5" pipe`). So the state is that of the last run that does not toggle, and the parity of the
toggling ones since: exact, and no byte is visited by Python.

A quote that opens is stray where the next run opens again, for a quote inside a quoted field is doubled: what
is between the two is outside. So a stray quote costs its own row and swallows no other.

A unit after the escape character is data, whatever it is.

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
STRAY_REACH: Final = 64 * 1024
"""Units after a quote within which another one shows that it is stray."""
NOTHING: Final = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Syntax:
    """What the splitter must know of a dialect. `quote` is empty where quotes are data."""

    codec: str
    delimiter: str
    """One character or several."""
    quote: str
    escape: str = ""
    """Makes the character after it data; empty where a quote in a cell is doubled instead."""
    comment: str = ""
    """Lines that begin with it are no records; empty where there are none."""
    newline_mark: str = ""
    """What stands for a line end inside a cell, in text that we made ourselves (workbooks, JSON)."""

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
        feeds = self._plain(self._where(LF))
        if b"\r" not in self.data:
            return feeds
        returns = self._plain(self._where(CR))
        alone = returns[self._unit_after(returns) != LF]
        if not self.at_end and alone.size and alone[-1] == self.units.size - 1:
            alone = alone[:-1]  # its LF may be in the next window
        return np.sort(np.concatenate([feeds, alone])) if alone.size else feeds

    @cached_property
    def record_breaks(self) -> Positions:
        """Indices into `breaks` of those that end a record."""
        runs, opened, _ = self._quote_states
        if not runs.size:
            return np.arange(self.breaks.size)
        before = np.searchsorted(runs, self.breaks) - 1
        inside = (before >= 0) & opened[before]
        return np.flatnonzero(~inside)

    @property
    def open_at_end(self) -> bool:
        """Whether the window ends inside a quoted field."""
        _, opened, _ = self._quote_states
        return bool(opened.size and opened[-1])

    def odd(self, starts: Positions) -> Positions:
        """Which of the records that begin there have a stray quote for certain.

        Their number of quotes is odd. Or it is even, but a quote within a cell stands where one should open it, and one
        that begins a cell where one should close it: a reader that opens at the beginnings of cells, as Arrow does, is
        then inside quotes at the record's end.
        """
        runs, _, begins = self._quote_states
        if not runs.size:
            return NOTHING
        before = np.searchsorted(runs, starts)
        odd = (np.diff(before, append=runs.size) & 1).astype(np.bool_)
        # By the book every other quote opens, counted from any record's first; the last record may have no end here.
        if odd[:-1].any() or not begins[::2].all():
            odd |= _crossed(runs, begins, starts, before)
        return np.flatnonzero(odd)

    @cached_property
    def _quote_states(self) -> tuple[Positions, NDArray[np.bool_], NDArray[np.bool_]]:
        """Start of each odd run of quotes, whether a quoted field is open after it, and whether it begins a field."""
        quotes = self._plain(self._where(ord(self.syntax.quote))) if self.syntax.quote else NOTHING
        if not quotes.size:
            return NOTHING, np.empty(0, dtype=np.bool_), np.empty(0, dtype=np.bool_)
        first = np.flatnonzero(np.diff(quotes, prepend=-2) != 1)
        odd = (np.diff(first, append=quotes.size) & 1).astype(np.bool_)
        runs = quotes[first[odd]]
        last = quotes[np.append(first[1:], quotes.size) - 1][odd]
        begins = self._begins_field(runs)
        return runs, _states(runs, begins, self._ends_field(last)), begins

    def _begins_field(self, at: Positions) -> NDArray[np.bool_]:
        units = self.units
        before = units[at - 1]
        found: NDArray[np.bool_] = (at == 0) | (before == LF) | (before == CR)
        delimiter = self.syntax.delimiter
        behind = [units[np.maximum(at - len(delimiter) + i, 0)] == ord(mark) for i, mark in enumerate(delimiter)]
        found |= (at >= len(delimiter)) & np.logical_and.reduce(behind)
        return found

    def _ends_field(self, at: Positions) -> NDArray[np.bool_]:
        """Whether a delimiter, a line end or nothing comes after a quote."""
        units, size = self.units, self.units.size
        after = units[np.minimum(at + 1, size - 1)]
        found: NDArray[np.bool_] = (at == size - 1) | (after == LF) | (after == CR)
        ahead = [units[np.minimum(at + 1 + i, size - 1)] == ord(mark) for i, mark in enumerate(self.syntax.delimiter)]
        found |= np.logical_and.reduce(ahead)
        return found

    def _plain(self, at: Positions) -> Positions:
        """Those of the positions that no escape character makes data."""
        if not self.syntax.escape or not at.size:
            return at
        escapes = self._where(ord(self.syntax.escape))
        if not escapes.size:
            return at
        first = np.flatnonzero(np.diff(escapes, prepend=-2) != 1)
        odd = (np.diff(first, append=escapes.size) & 1).astype(np.bool_)
        after = escapes[np.append(first[1:], escapes.size) - 1][odd] + 1
        return at[~np.isin(at, after)]

    def _unit_after(self, at: Positions) -> NDArray[np.unsignedinteger]:
        following = self.units[np.minimum(at + 1, self.units.size - 1)]
        return np.where(at == self.units.size - 1, 0, following)

    def _where(self, unit: int) -> Positions:
        return np.flatnonzero(self.units == unit)


def _crossed(runs: Positions, begins: NDArray[np.bool_], starts: Positions, before: Positions) -> NDArray[np.bool_]:
    """For each record: a run that should open a field is within one, and one that should close it begins one."""
    record = np.maximum(np.searchsorted(starts, runs, side="right") - 1, 0)
    closes = ((np.arange(runs.size) - before[record]) & 1).astype(np.bool_)
    within, late = np.zeros(starts.size, dtype=np.bool_), np.zeros(starts.size, dtype=np.bool_)
    within[record[~closes & ~begins]] = True
    late[record[closes & begins]] = True
    return within & late


def _states(runs: Positions, begins: NDArray[np.bool_], ends: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a quoted field is open after each odd run of quotes, of which we know where a field begins and ends."""
    opens, toggles = begins & ~ends, begins & ends
    order = np.arange(begins.size)
    last = np.maximum.accumulate(np.where(toggles, -1, order))
    known = opens[np.maximum(last, 0)] & (last >= 0)
    state: NDArray[np.bool_] = known ^ ((order - last) & 1).astype(np.bool_)
    stray = np.append(opens[1:] & (np.diff(runs) < STRAY_REACH), False)
    state &= ~stray
    return state
