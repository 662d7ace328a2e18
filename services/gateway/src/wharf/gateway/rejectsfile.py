"""The rows that an import set aside as a file that can be corrected and uploaded as it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Connection

from wharf.common.corrections import ERRORS, IMPORT, LINE, NEWLINE_MARK, guarded
from wharf.common.jobs.view import JobView
from wharf.common.ledger.models import Reject
from wharf.gateway.rejects import rejects_of

ROWS = 1000
"""Read of the ledger at a time: the file may have millions."""
BOM = "\ufeff"
"""Without it Excel takes UTF-8 for something older."""
RAW = "raw"
STAND_IN = "\x1f"
Page = Callable[[int], Sequence[Any]]
"""The next rejects from behind a byte offset."""


@dataclass(frozen=True)
class Writing:
    """How the rejected rows are written: by this their cells are found again."""

    header: tuple[str, ...]
    delimiter: str
    quote: str | None
    escape: str | None
    newline_mark: str | None = None

    @classmethod
    def of(cls, job: JobView) -> Self:
        """Of a completed import by its result; else unknown, and each row stays one cell."""
        result = job.result or {}
        dialect = result.get("dialect") or {}
        if not dialect.get("delimiter"):
            return cls((RAW,), STAND_IN, None, None)
        header = tuple(column["source"] for column in result["mapping"])
        if dialect.get("format", "csv") != "csv":
            return cls(header, ",", '"', None, NEWLINE_MARK)
        return cls(header, dialect["delimiter"], dialect["quote"], dialect["escape"])

    def cells(self, raw: str) -> list[str]:
        """A row's cells, and the row as one cell where it cannot be told apart."""
        text, mark = raw, self.delimiter
        if len(mark) > 1:
            text, mark = raw.replace(mark, STAND_IN), STAND_IN
        quoting = {"quotechar": self.quote} if self.quote else {"quoting": csv.QUOTE_NONE}
        try:
            row = next(csv.reader([text], delimiter=mark, escapechar=self.escape, **quoting), [])
        except csv.Error:
            return [raw]
        if self.newline_mark:
            return [cell.replace(self.newline_mark, "\n") for cell in row]
        return [cell.replace(STAND_IN, self.delimiter) if mark != self.delimiter else cell for cell in row]


def rejects_file(job: JobView, import_id: UUID, page: Page) -> Iterator[bytes]:
    """The file, piece by piece: its own columns, what Wharf would have given, then line, errors and import."""
    writing, rows = Writing.of(job), page(-1)
    given = sorted({name for row in rows for name in row.assigned or {}} - set(writing.header))
    yield (BOM + _line([*map(guarded, writing.header), *given, LINE, ERRORS, IMPORT])).encode()
    while rows:
        yield "".join(_line(_cells(row, writing, given, import_id)) for row in rows).encode()
        rows = page(rows[-1].byte_offset)


def page_of(connection: Connection, import_id: UUID, after: int) -> Sequence[Any]:
    """The next rejects of an import in the file's order."""
    query = rejects_of(import_id).where(Reject.byte_offset > after)
    return connection.execute(query.order_by(Reject.byte_offset).limit(ROWS)).all()


def _cells(row: Any, writing: Writing, given: Sequence[str], import_id: UUID) -> list[str]:  # noqa: ANN401 - a row of the ledger
    """Too few cells are filled up; cells too many stay, behind ours, and make the row as wrong as it was."""
    found = [guarded(cell) for cell in writing.cells(row.raw)]
    width = len(writing.header)
    numbers = [str((row.assigned or {}).get(name, "")) for name in given]
    errors = "; ".join(_sentence(error) for error in row.errors)
    ours = (str(row.line), guarded(errors), str(import_id))
    return [*found[:width], *[""] * (width - len(found)), *numbers, *ours, *found[width:]]


def _sentence(error: dict[str, Any]) -> str:
    return f"{error['column']}: {error['message']}" if error["column"] else str(error["message"])


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
