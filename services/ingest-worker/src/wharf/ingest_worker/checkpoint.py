"""What an import keeps in the ledger with every batch, so that any later attempt goes on exactly there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from wharf.common.profiles import Profile
from wharf.ingest_worker.reading import Batch, Cursor, Plan
from wharf.ingest_worker.reading.batches import PROPERTIES
from wharf.ingest_worker.reading.findings import Finding, added
from wharf.ingest_worker.reading.numbering import Carry, together
from wharf.ingest_worker.savedmappings import Drift, Known

SHOWN_LINES = 20
SHOWN_COMMENTS = 1000
SHOWN_TEXT = 200


class Parts(BaseModel):
    """A file's division: which one it is, and how many jobs read the parts."""

    model_config = ConfigDict(frozen=True)

    generation: UUID
    count: int


class Checkpoint(BaseModel):
    """How far an import has come, and all that was counted on the way. Commits with the rows that it counts."""

    model_config = ConfigDict(frozen=True)

    plan: dict[str, Any]
    profile: dict[str, Any]
    """The declaration that the plan was made for: it may have changed by the next attempt."""
    cursor: Cursor
    staged: int = 0
    direct: int | None = None
    """Rows that are in the dataset already, hidden; None: all of them wait in staging."""
    carries: dict[str, Carry | None] = {}
    """What the next batch has to know of the groups within which rows are numbered on their way."""
    numbered: bool = False
    """Every staged row has its numbers: the merge need not give them."""
    places: int = 0
    """Of rejected rows that count among their group's."""
    told: bool = False
    """Each rejected row has the number that is its in its group, where it has one: nothing is left to be looked up."""
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
    findings: tuple[Finding, ...] = ()
    """What is wrong with rejects so far, and what rows are warned of."""
    across: tuple[Finding, ...] = ()
    """The same of the checks across rows, when all are loaded."""
    saved_mapping: UUID | None = None
    """The mapping of an earlier import that is used again."""
    drift: Drift | None = None
    """How the headers differ from those of a mapping saved before."""
    parts: Parts | None = None
    """The jobs that read the file instead of this one, until all of them have ended."""
    result: dict[str, Any] | None = None
    """Set in the transaction of the merge: an attempt that finds it has nothing left to do."""

    @property
    def read(self) -> int:
        """Rows read so far: good ones and rejects."""
        return self.staged + (self.direct or 0) + self.rejected

    def after_direct(self, batch: Batch, carries: Mapping[str, Carry | None]) -> Self:
        """The checkpoint once the rows of that batch are in the dataset."""
        found = self.after(batch, carries, gaps=frozenset())
        direct = (self.direct or 0) + batch.rows.num_rows
        return found.model_copy(update={"staged": self.staged, "direct": direct, "numbered": self.numbered})

    def turned_to_staging(self) -> Self:
        """What was in the dataset is in staging now, without the numbers that it had been given."""
        numbered = self.numbered and not self.direct
        return self.model_copy(
            update={"staged": self.staged + (self.direct or 0), "direct": None, "numbered": numbered}
        )

    def after(self, batch: Batch, carries: Mapping[str, Carry | None], *, gaps: frozenset[str]) -> Self:
        """The checkpoint once that batch is staged."""
        changes = {
            "carries": dict(carries),
            "numbered": self.numbered and together(carries),
            "told": self.told and not gaps and together(carries),
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
            "findings": added(self.findings, batch.findings),
            "mended": self.mended + len(batch.mended),
            "mended_lines": (*self.mended_lines, *batch.mended)[:SHOWN_LINES],
        }
        return self.model_copy(update=changes)

    def of_part(self, begin: Cursor) -> Self:
        """Nothing loaded of a part that begins there."""
        return self.model_copy(update={"cursor": begin, "parts": None})

    def joined(self, part: Self) -> Self:
        """This and the part of the file that follows."""
        changes = {
            "cursor": part.cursor,
            "staged": self.staged + part.staged,
            "direct": None if self.direct is None else self.direct + (part.direct or 0),
            "places": self.places + part.places,
            "told": self.told and part.told,
            "rejected": self.rejected + part.rejected,
            "skipped": self.skipped + part.skipped,
            "period": _wider(self.period, part.period),
            "has_properties": self.has_properties or part.has_properties,
            "gaps": self.gaps | part.gaps,
            "comments": (*self.comments, *part.comments)[:SHOWN_COMMENTS],
            "commented": self.commented + part.commented,
            "findings": added(self.findings, part.findings),
            "mended": self.mended + part.mended,
            "mended_lines": (*self.mended_lines, *part.mended_lines)[:SHOWN_LINES],
        }
        return self.model_copy(update=changes)

    @classmethod
    def first(
        cls,
        plan: Plan,
        profile: Profile,
        *,
        saved: Known | None = None,
        drift: Drift | None = None,
        direct: int | None = None,
    ) -> Self:
        """Nothing loaded: the next record is the first one after the header."""
        kept = {"plan": plan.as_dict(), "profile": profile.to_keep(), "cursor": plan.dialect.data, "direct": direct}
        kept |= {"numbered": True, "told": True}
        return cls.model_validate(kept | {"saved_mapping": saved.id if saved else None, "drift": drift})

    def from_the_start(self) -> Self:
        """The same plan, nothing loaded."""
        kept = {"plan", "profile", "saved_mapping", "drift"}
        again = {"cursor": Plan.from_dict(self.plan).dialect.data, "numbered": True, "told": True}
        return self.model_validate(self.model_dump(include=kept) | again)

    def to_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return self.model_dump(mode="json")


Period = tuple[datetime, datetime]


def _wider(one: Period | None, other: Period | None) -> Period | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
