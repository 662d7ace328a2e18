"""The inspection of a stored file: how it is written, what its columns hold, how they would be mapped, what is wrong.

It looks at the file's beginning only, so it takes as long for every size.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from wharf.common.errors import Invalid, Problem
from wharf.common.jobs.kinds import InspectPayload
from wharf.common.runtime.context import JobContext
from wharf.ingest_worker.loading import asked_about, find_upload
from wharf.ingest_worker.reading import (
    SAMPLE_BYTES,
    Dialect,
    Look,
    detect,
    detect_any,
    drafted,
    expected_headers,
    first_problems,
    look_at,
    match_columns,
    missing_columns,
    score_of,
    suggested,
)
from wharf.ingest_worker.recognition import Asked, Recognised, Sample, recognise
from wharf.ingest_worker.unpacking import open_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wharf.common.profiles import Profile

STEPS = 3
ROWS = 100
"""Of the sample that are shown."""


def run_inspection(context: JobContext[InspectPayload]) -> dict[str, Any]:
    """Look at an upload; gives the contract's `result` of an inspection.

    Raises `Invalid` where it is no table: empty, binary, in an encoding that nobody knows.
    """
    payload = context.payload
    upload = find_upload(context, payload.upload_id)
    file = context.storage.open_file(upload.storage_key)
    context.report(1, STEPS, stage="inspect", message="Looking at the file")
    opened = open_file(file, payload.options)
    sample = opened.text.read(0, SAMPLE_BYTES)
    size, options = opened.text.size, opened.options
    with context.database.tenant(context.tenant_id) as connection:
        asked = asked_about(connection, payload, options)
    seen = _understood(Sample(sample, size), asked)
    dialect, profile, problems = opened.finished(seen.dialect), seen.profile, seen.problems
    look = look_at(sample, size, dialect)
    context.report(2, STEPS, stage="inspect", message="Looking at its columns")
    result = _account(payload, dialect, look, seen)
    result["draft"] = _draft(_called(upload.file_name, dialect), look, asked)
    if profile and not problems:
        problems = first_problems(sample, size, profile, dialect, options=options, mapping=seen.mapping)
    result["problems"] = [asdict(problem) for problem in problems]
    context.report(STEPS, STEPS, stage="done", message="Looked at", percent=100.0)
    return result


@dataclass(frozen=True, slots=True)
class _Seen:
    """The dialect, the profile if there is one, and why there is none."""

    dialect: Dialect
    profile: Profile | None
    mapping: Mapping[str, str | None] | None
    problems: list[Problem]
    recognised: Recognised | None = None


def _understood(sample: Sample, asked: Asked) -> _Seen:
    try:
        found = recognise(sample, asked)
    except Invalid as refused:
        if refused.error_code not in {"profile_not_detected", "bad_mapping"}:
            raise
        problems = list(refused.problems) or [Problem("profile", refused.error_code, refused.message)]
        dialect = detect(sample.data, sample.total, asked.options, frozenset())
        return _Seen(dialect, None, asked.mapping, problems)
    expected = expected_headers(found.profile) | frozenset(found.mapping or {})
    dialect = found.dialect or detect_any(sample.data, sample.total, asked.options, expected)
    return _Seen(dialect, found.profile, found.mapping, [], found)


def _called(file_name: str, dialect: Dialect) -> str:
    """What the table is called: a sheet that was asked for by its name is a table of its own."""
    sheet = dialect.packing.get("sheet")
    return str(sheet) if sheet in dialect.packing.get("sheets", ()) else file_name


def _draft(name: str, look: Look, asked: Asked) -> dict[str, Any] | None:
    """A profile that somebody may save, where none of those that there are is meant."""
    taken = {name for profile in asked.profiles.by_name.values() for name in profile.dataset_names}
    found = drafted(name, look, taken)
    return found.model_dump(mode="json", exclude_unset=True) if found else None


def _account(payload: InspectPayload, dialect: Dialect, look: Look, seen: _Seen) -> dict[str, Any]:
    profile, drift = seen.profile, seen.recognised.drift if seen.recognised else None
    mapping = match_columns(dialect.header, profile, seen.mapping) if profile else None
    if mapping and seen.recognised and seen.recognised.saved:
        mapping = mapping.saved()
    nothing = {"target": None, "score": 0.0, "reason": None, "kept_as": None}
    return {
        "upload_id": payload.upload_id,
        "dialect": dialect.as_dict(),
        "skipped_lines": [asdict(line) for line in dialect.skipped(look.end_line, look.comments)],
        "columns": [asdict(column) for column in look.columns],
        "profile": {"name": profile.name, "score": score_of(mapping, profile)} if profile and mapping else None,
        "missing": missing_columns(mapping, profile) if profile and mapping else [],
        "mapping": suggested(mapping, profile, [c.type for c in look.columns]).as_dict(profile)
        if mapping and profile
        else [{"source": c.name, **nothing} for c in look.columns],
        "drift": drift.as_dict() if drift else None,
        "sample": [list(row) for row in look.rows[:ROWS]],
    }
