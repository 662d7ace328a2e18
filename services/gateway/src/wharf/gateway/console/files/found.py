"""What an inspection found, as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, select

from wharf.common.jobs.kinds import INSPECT
from wharf.common.jobs.results import whole
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.models import Job
from wharf.common.profiles import Profile
from wharf.common.storage import Storage
from wharf.gateway.console.pages import MOST_CELLS

SAMPLES: Final = 3
FIRST_ROWS: Final = 20
ITSELF: Final = frozenset({"exact", "alias", "pattern"})
"""What a header brings without a word of anybody's."""
WHY: Final = {
    "given": "said by you",
    "saved": "as last time",
    "exact": "same name",
    "alias": "known name",
    "pattern": "a known name within it",
    "fuzzy": "a similar name: please look",
    "content": "by its values: please look",
}
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One column of the file: its header, values of it, what they look like, which column it brings and why."""

    source: str
    samples: list[str]
    kind: str
    target: str
    why: str
    itself: bool
    """It brings that column if nothing is said of it."""
    repeated: bool
    """An earlier column has the same header: by its name this one cannot be meant."""


@dataclass(frozen=True, slots=True)
class Look:
    """An inspection: its job, and what it found as soon as it has."""

    job: JobView
    found: Item | None
    options: Item
    """How it was asked to be read."""

    @property
    def profile(self) -> str | None:
        """The name of the profile that it was read as, or that fits."""
        fits = (self.found or {}).get("profile")
        return fits["name"] if fits else None

    @property
    def is_saved(self) -> bool:
        """Whether some of it is as last time: an import that says nothing at all would take that again."""
        return any(match["reason"] == "saved" for match in (self.found or {}).get("mapping", ()))

    @property
    def lines(self) -> list[Line]:
        """The file's columns in their order."""
        found = self.found or {}
        matches = found.get("mapping", ())
        columns = found.get("columns", ())
        # Both are the file's columns in their order; names may come twice.
        beside = columns if len(columns) == len(matches) else [{}] * len(matches)
        first = {match["source"]: nth for nth, match in reversed(list(enumerate(matches)))}
        pairs = enumerate(zip(matches, beside, strict=True))
        return [_line(match, column, repeated=first[match["source"]] != nth) for nth, (match, column) in pairs]

    @property
    def rows(self) -> list[list[str]]:
        """Some of the file's first rows: fewer of a file with very many columns."""
        rows = (self.found or {}).get("sample", ())
        width = len(self.lines)
        return [row[:width] for row in rows[: min(FIRST_ROWS, MOST_CELLS // max(width, 1))]]

    def missing(self, profile: Profile) -> list[str]:
        """Columns that the profile needs and nothing brings yet."""
        brought = {line.target for line in self.lines}
        return [name for name in needed_of(profile) if name not in brought]


def _line(match: Mapping[str, Any], column: Mapping[str, Any], *, repeated: bool) -> Line:
    return Line(
        source=match["source"],
        samples=[str(value) for value in column.get("samples", ())][:SAMPLES],
        kind=column.get("type", ""),
        target=match["target"] or "",
        why=WHY.get(match["reason"] or "", ""),
        itself=match["reason"] in ITSELF,
        repeated=repeated,
    )


def names_of(profile: Profile) -> frozenset[str]:
    """The headers that bring a column of the profile by themselves, in small letters."""
    return frozenset(name.lower() for each in profile.columns for name in (each.name, *each.aliases))


def needed_of(profile: Profile) -> list[str]:
    """Columns that each row must bring, in the profile's order."""
    return [each.name for each in profile.columns if each.required and not (each.product_of or each.number_within)]


def look_of(connection: Connection, storage: Storage, upload: Row[Any], job_id: UUID | None) -> Look | None:
    """That inspection of the upload, or the one that was asked for as it was handed in; None where there is none."""
    theirs = [Job.kind == INSPECT.name, Job.payload["upload_id"].astext == str(upload.id)]
    # An upload and its first inspection are written in one transaction: they share its time.
    which = Job.id == job_id if job_id else Job.created_at == upload.created_at
    row = connection.execute(select(*Job.__table__.c).where(which, *theirs)).mappings().one_or_none()
    if row is None:
        return None
    found = whole(storage, upload.tenant_id, row["id"], row["result"]) if row["result"] else None
    said = {name: value for name, value in (row["payload"].get("options") or {}).items() if value is not None}
    return Look(job_view(row), found, said)
