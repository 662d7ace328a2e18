"""The rows that an import set aside, as every answer tells them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from wharf.common.ledger.models import Assigned, Reject

# For each row that is shown, whatever the planner thinks of the tables: a join may read all of an import for each page.
ASSIGNED = (
    select(Assigned.cells)
    .where(Assigned.import_id == Reject.import_id, Assigned.byte_offset == Reject.byte_offset)
    .scalar_subquery()
)


def rejects_of(import_id: UUID) -> Select[*tuple[Any, ...]]:
    """Line, place, text, reasons, and what Wharf would have given the row, whichever version's worker wrote it."""
    assigned = func.coalesce(ASSIGNED, Reject.assigned).label("assigned")
    columns = (Reject.line, Reject.byte_offset, Reject.raw, Reject.errors, assigned)
    return select(*columns).where(Reject.import_id == import_id)
