"""What came of a job: its result in a few facts, the files to take away, what may still be done to it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from wharf.common.jobs.states import ENDED, Status
from wharf.common.jobs.view import JobView
from wharf.gateway.console.jobs.detail import Detail
from wharf.gateway.console.pages import address
from wharf.gateway.console.words import counted, duration, number, plain, size

FACTS: Final = (
    "profile", "mode", "dry_run", "rows_read", "inserted", "updated", "unchanged", "superseded", "rejected",
    "conflicts", "pages", "rows", "reversed", "kept", "matched", "changed", "package_type", "cached", "message",
)  # fmt: skip
"""What of a result is told, in this order, where a result has it."""
FILES: Final = frozenset({"package", "report"})
UNDOABLE: Final = "import"
OF_HEADERS: Final = frozenset({"profile_not_detected", "missing_column", "bad_mapping", "unknown_profile", "no_header"})
"""Errors of imports for which somebody has to say what the file's columns are."""


def facts_of(job: JobView) -> list[tuple[str, str]]:
    """Name and value, as words."""
    result = job.result or {}
    told = [(plain(name), _words(result[name])) for name in FACTS if result.get(name) not in {None, ""}]
    return [*told, ("took", duration(result["seconds"]))] if "seconds" in result else told


def _words(value: Any) -> str:  # noqa: ANN401 - whatever a result holds
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else str(value)


def downloads_of(job: JobView) -> list[tuple[str, str]]:
    """Address and words of each file that the job has made."""
    result = job.result or {}
    if job.status is not Status.COMPLETED:
        return []
    if job.kind in FILES and not result.get("removed_at"):
        start = f"/api/v1/packages/{job.job_id}/files"
        files = result.get("files") or []
        return [(f"{start}/{quote(file['name'])}", f"{_ending(file['name'])}, {size(file['size'])}") for file in files]
    if job.kind == UNDOABLE and result.get("rejected"):
        words = counted(result["rejected"], "rejected row", "rejected rows")
        return [(f"/api/v1/jobs/{job.job_id}/rejects.csv", words)]
    return []


def rows_of(job: JobView) -> str | None:
    """Where the rows are that an import has loaded."""
    result = job.result or {}
    loaded = job.kind == UNDOABLE and job.status is Status.COMPLETED and not result.get("dry_run")
    profile = result.get("profile")
    return address(f"/data/{quote(profile)}", project_id=job.project_id) if loaded and profile else None


def _ending(name: str) -> str:
    return name.rpartition(".")[2].upper()


def can_undo(detail: Detail) -> bool:
    """Whether an undo can be offered: the server looks closer."""
    job = detail.job
    merged = job.kind == UNDOABLE and job.status is Status.COMPLETED and not (job.result or {}).get("dry_run")
    return merged and not _followed(detail, "undo")


def can_look(detail: Detail) -> bool:
    """Whether a look at the file, where its columns are mapped and profiles are made, mends what went wrong."""
    job = detail.job
    return bool(job.kind == UNDOABLE and job.error and job.error.code in OF_HEADERS and detail.upload_id)


def can_commit(detail: Detail) -> bool:
    """Whether what a dry run has checked can be offered for merging."""
    job = detail.job
    checked = job.kind == UNDOABLE and job.status is Status.COMPLETED and bool((job.result or {}).get("dry_run"))
    return checked and not _followed(detail, UNDOABLE)


def _followed(detail: Detail, kind: str) -> bool:
    """Whether one that did it, or is about to, is there."""
    return any(
        other.kind == kind and (other.status not in ENDED or other.status is Status.COMPLETED)
        for other in detail.followers
    )
