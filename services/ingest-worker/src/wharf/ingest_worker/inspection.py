"""The inspection of a stored file: how it is written, what its columns hold, how they would be mapped, what is wrong.

It looks at the file's beginning only, so it takes as long for every size.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from wharf.common.errors import Invalid, Problem
from wharf.common.imports import ImportOptions
from wharf.common.jobs.kinds import InspectPayload
from wharf.common.profiles import Profile, builtin_profile, builtin_profiles
from wharf.common.runtime.context import JobContext
from wharf.ingest_worker.loading import find_upload
from wharf.ingest_worker.reading import (
    SAMPLE_BYTES,
    Dialect,
    Look,
    detect,
    detect_any,
    detect_profile,
    expected_headers,
    first_problems,
    look_at,
    match_columns,
    missing_columns,
    score_of,
    suggested,
)
from wharf.ingest_worker.unpacking import open_file

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
    found, profile, problems = _understood(payload, sample, size, options)
    dialect = opened.finished(found)
    look = look_at(sample, size, dialect)
    context.report(2, STEPS, stage="inspect", message="Looking at its columns")
    result = _account(payload, dialect, look, profile)
    if profile and not problems:
        problems = first_problems(sample, size, profile, dialect, options=options, mapping=payload.mapping)
    result["problems"] = [asdict(problem) for problem in problems]
    context.report(STEPS, STEPS, stage="done", message="Looked at", percent=100.0)
    return result


def _understood(
    payload: InspectPayload, sample: bytes, size: int, options: ImportOptions
) -> tuple[Dialect, Profile | None, list[Problem]]:
    """The dialect, the profile if there is one, and why there is none."""
    if payload.profile:
        profile = builtin_profile(payload.profile)
        expected = expected_headers(profile) | frozenset(payload.mapping or {})
        return detect_any(sample, size, options, expected), profile, []
    try:
        found = detect_profile(sample, size, builtin_profiles().values(), options, payload.mapping)
    except Invalid as refused:
        if refused.error_code not in {"profile_not_detected", "bad_mapping"}:
            raise
        problems = list(refused.problems) or [Problem("profile", refused.error_code, refused.message)]
        return detect(sample, size, options, frozenset()), None, problems
    return found.dialect, found.profile, []


def _account(payload: InspectPayload, dialect: Dialect, look: Look, profile: Profile | None) -> dict[str, Any]:
    mapping = match_columns(dialect.header, profile, payload.mapping) if profile else None
    nothing = {"target": None, "score": 0.0, "reason": None}
    return {
        "upload_id": payload.upload_id,
        "dialect": dialect.as_dict(),
        "skipped_lines": [asdict(line) for line in dialect.skipped(look.end_line, look.comments)],
        "columns": [asdict(column) for column in look.columns],
        "profile": {"name": profile.name, "score": score_of(mapping, profile)} if profile and mapping else None,
        "missing": missing_columns(mapping, profile) if profile and mapping else [],
        "mapping": suggested(mapping, profile, [c.type for c in look.columns]).as_dict()
        if mapping and profile
        else [{"source": c.name, **nothing} for c in look.columns],
        "sample": [list(row) for row in look.rows[:ROWS]],
    }
