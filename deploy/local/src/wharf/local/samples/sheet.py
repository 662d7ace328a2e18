"""A CSV file as it is written, row by row, with the account of what must be set aside."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from wharf.local.samples.expected import ExpectedReject


class Spoiling(NamedTuple):
    """A way to spoil a row: the place of the cell, what stands there then, and the reject that has to follow."""

    place: int
    text: str
    column: str
    code: str


def spoilt_rows(rows: int, bad: int) -> frozenset[int]:
    """The rows, counted from 0, that are spoilt: in the middle of each of `bad` equal stretches."""
    return frozenset((2 * nth + 1) * rows // (2 * bad) for nth in range(bad))


class Sheet:
    """Writes a header and rows to `file`; every row that `spoilt` names is spoilt, in one way after the other."""

    def __init__(self, file: BinaryIO, header: Sequence[str], spoilt: frozenset[int], ways: Sequence[Spoiling]) -> None:
        self.rows = 0
        self.rejects: list[ExpectedReject] = []
        self._file, self._spoilt, self._ways = file, spoilt, ways
        self._line = 1
        self._offset = 0
        self._write(header)

    def add(self, cells: Sequence[str]) -> bool:
        """Write a row; says whether it is a good one."""
        good = self.rows not in self._spoilt
        self.rows += 1
        if not good:
            way = self._ways[len(self.rejects) % len(self._ways)]
            self.rejects.append(ExpectedReject(self._line, self._offset, way.column, way.code))
            cells = [way.text if place == way.place else cell for place, cell in enumerate(cells)]
        self._write(cells)
        return good

    def _write(self, cells: Sequence[str]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(cells)
        data = text.getvalue().encode()
        self._file.write(data)
        self._line += data.count(b"\n")
        self._offset += len(data)
