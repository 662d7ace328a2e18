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

SAMPLES: Final = 3
WHY: Final = {
    "given": "said by you",
    "saved": "as last time",
    "exact": "same name",
    "alias": "known name",
    "pattern": "by its values",
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


@dataclass(frozen=True, slots=True)
class Look:
    """An inspection: its job, and what it found as soon as it has."""

    job: JobView
    found: Item | None

    @property
    def profile(self) -> str | None:
        """The name of the profile that it was read as, or that fits."""
        fits = (self.found or {}).get("profile")
        return fits["name"] if fits else None

    @property
    def lines(self) -> list[Line]:
        """The file's columns in their order."""
        found = self.found or {}
        kinds = {column["name"]: column for column in found.get("columns", ())}
        return [_line(match, kinds.get(match["source"], {})) for match in found.get("mapping", ())]

    def missing(self, profile: Profile) -> list[str]:
        """Columns that the profile needs and nothing brings yet."""
        brought = {line.target for line in self.lines}
        return [name for name in needed_of(profile) if name not in brought]


def _line(match: Mapping[str, Any], column: Mapping[str, Any]) -> Line:
    return Line(
        source=match["source"],
        samples=[str(value) for value in column.get("samples", ())][:SAMPLES],
        kind=column.get("type", ""),
        target=match["target"] or "",
        why=WHY.get(match["reason"] or "", ""),
    )


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
    return Look(job_view(row), found)
