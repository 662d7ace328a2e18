"""What was found wrong, counted: by column, code and severity, with the lines of the first."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wharf.common.profiles.checks import Severity
from wharf.ingest_worker.reading.checks import failing, warning_checks
from wharf.ingest_worker.reading.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from wharf.common.profiles import Profile
    from wharf.ingest_worker.reading.cells import Faults
    from wharf.ingest_worker.reading.parsing import Cells
    from wharf.ingest_worker.reading.reasons import Reason
    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.rejects import ColumnFaults

SHOWN_LINES: Final = 5
MOST: Final = 1000
"""Kinds of finding that are told apart; a file of a hundred thousand bad columns has more, told together."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How many cells of a column (or rows, where it is None) are wrong in one way, and where the first are."""

    column: str | None
    code: str
    severity: Severity
    message: str
    count: int
    lines: tuple[int, ...]

    @property
    def kind(self) -> tuple[str | None, str, str, str]:
        """What makes two of them one."""
        return (self.column, self.code, self.severity, self.message)

    def as_dict(self) -> dict[str, Any]:
        """As an import's result shows it."""
        return asdict(self) | {"lines": list(self.lines)}


MORE: Final = Finding(None, "more", Severity.ERROR, "Cells that are wrong in still other ways.", 0, ())


def added(before: Sequence[Finding], more: Iterable[Finding]) -> tuple[Finding, ...]:
    """Both together: counts are summed, the first lines stay."""
    found = {one.kind: one for one in before}
    for one in more:
        known = one if one.kind in found or len(found) < MOST else replace(MORE, count=one.count, lines=one.lines)
        old = found.get(known.kind, replace(known, count=0, lines=()))
        lines = (*old.lines, *known.lines)[:SHOWN_LINES]
        found[known.kind] = replace(old, count=old.count + known.count, lines=lines)
    return tuple(found.values())


def of_records(block: Block, found: Cells) -> list[Finding]:
    """Records that are no rows."""
    return _by_number(None, found.faults, block.lines[found.faulty], REASONS)


def of_broken(block: Block) -> list[Finding]:
    """A record without an end."""
    if block.broken is None:
        return []
    message = dict(REASONS)[block.broken.code]
    return [Finding(None, block.broken.code, Severity.ERROR, message, 1, (block.broken.line,))]


def of_cells(faults: Iterable[ColumnFaults], lines: NDArray[np.int64]) -> list[Finding]:
    """Cells of rejected rows; `lines` are those of all rows that the faults are of."""
    return [one for column in faults for one in _by_number(column.column, column.faults, lines, column.reasons)]


def of_warnings(rows: pa.Table, profile: Profile, lines: str) -> list[Finding]:
    """Values of good rows that fail checks which only warn; `lines` is the column of the rows' lines."""
    found = []
    for column in profile.columns:
        for check in warning_checks(column):
            fails = np.flatnonzero(failing(check, column.type, rows[column.name].combine_chunks()))
            if fails.size:
                first = tuple(rows[lines][int(i)].as_py() for i in fails[:SHOWN_LINES])
                found.append(Finding(column.name, check.code, check.severity, check.sentence, fails.size, first))
    return found


def _by_number(
    column: str | None, faults: Faults, lines: NDArray[np.int64], reasons: Sequence[Reason]
) -> list[Finding]:
    counts = np.bincount(faults, minlength=1)
    return [
        Finding(
            column, *_told(reasons[n]), int(counts[n]), tuple(lines[np.flatnonzero(faults == n)[:SHOWN_LINES]].tolist())
        )
        for n in (np.flatnonzero(counts[1:]) + 1).tolist()
    ]


def _told(reason: Reason) -> tuple[str, Severity, str]:
    return reason[0], Severity.ERROR, reason[1]
