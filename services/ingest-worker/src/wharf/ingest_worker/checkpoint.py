"""What an import keeps in the ledger with every batch, so that any later attempt goes on exactly there."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from wharf.common.profiles import Profile
from wharf.ingest_worker.reading import Batch, Cursor, Plan
from wharf.ingest_worker.reading.batches import PROPERTIES

SHOWN_LINES = 20
SHOWN_COMMENTS = 1000
SHOWN_TEXT = 200


class Checkpoint(BaseModel):
    """How far an import has come, and all that was counted on the way. Commits with the rows that it counts."""

    model_config = ConfigDict(frozen=True)

    plan: dict[str, Any]
    profile: dict[str, Any]
    """The declaration that the plan was made for: it may have changed by the next attempt."""
    cursor: Cursor
    staged: int = 0
    places: int = 0
    """Of rejected rows that count among their group's."""
    rejected: int = 0
    skipped: int = 0
    complete: bool = False
    """Every row of the file is in staging or among the rejects."""
    period: tuple[datetime, datetime] | None = None
    has_properties: bool = False
    """Some row brought more than the profile's columns."""
    gaps: frozenset[str] = frozenset()
    """Numbered columns that have an empty cell somewhere."""
    mended: int = 0
    """Rows with a stray quote, which was read as a part of its cell."""
    mended_lines: tuple[int, ...] = ()
    """The lines of the first of them."""
    comments: tuple[tuple[int, str], ...] = ()
    """Lines that are comments: the first of them, with their number and text."""
    commented: int = 0
    """How many such lines there are."""
    result: dict[str, Any] | None = None
    """Set in the transaction of the merge: an attempt that finds it has nothing left to do."""

    @property
    def read(self) -> int:
        """Rows read so far: good ones and rejects."""
        return self.staged + self.rejected

    def after(self, batch: Batch, *, gaps: frozenset[str]) -> Self:
        """The checkpoint once that batch is staged."""
        changes = {
            "cursor": batch.cursor,
            "staged": self.staged + batch.rows.num_rows,
            "places": self.places + batch.places.num_rows,
            "rejected": self.rejected + batch.rejects.num_rows,
            "skipped": self.skipped + batch.skipped,
            "period": _wider(self.period, batch.period),
            "has_properties": self.has_properties or batch.rows[PROPERTIES].null_count < batch.rows.num_rows,
            "gaps": self.gaps | gaps,
            "comments": (*self.comments, *((n, text[:SHOWN_TEXT]) for n, text in batch.comments))[:SHOWN_COMMENTS],
            "commented": self.commented + len(batch.comments),
            "mended": self.mended + len(batch.mended),
            "mended_lines": (*self.mended_lines, *batch.mended)[:SHOWN_LINES],
        }
        return self.model_copy(update=changes)

    @classmethod
    def first(cls, plan: Plan, profile: Profile) -> Self:
        """Nothing loaded: the next record is the first one after the header."""
        return cls(plan=plan.as_dict(), profile=profile.model_dump(mode="json"), cursor=plan.dialect.data)

    def from_the_start(self) -> Self:
        """The same plan, nothing loaded."""
        return self.first(Plan.from_dict(self.plan), Profile.model_validate(self.profile))

    def to_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return self.model_dump(mode="json")


Period = tuple[datetime, datetime]


def _wider(one: Period | None, other: Period | None) -> Period | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
