"""What a file is: its dialect, its profile, and a mapping that was given before for files like it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wharf.common.errors import Invalid
from wharf.ingest_worker.reading import Dialect, detect_any, detect_profile, expected_headers
from wharf.ingest_worker.reading.mapping import named
from wharf.ingest_worker.savedmappings import Drift, Known, names_in, nearest, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wharf.common.imports import ImportOptions
    from wharf.common.profiles import KnownProfiles, Profile


@dataclass(frozen=True, slots=True)
class Sample:
    """A file's beginning, and how long it is in all."""

    data: bytes
    total: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said about a file, and what is known to the tenant."""

    profile: str | None
    mapping: Mapping[str, str | None] | None
    options: ImportOptions
    profiles: KnownProfiles
    saved: Sequence[Known]


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file's profile, how it is written where that is known, and the mapping to use."""

    profile: Profile
    dialect: Dialect | None
    mapping: Mapping[str, str | None] | None
    saved: Known | None = None
    """The mapping that is used again."""
    drift: Drift | None = None
    """How the headers differ from those of the mapping saved before, where they do."""


def recognise(sample: Sample, asked: Asked) -> Recognised:
    """The profile as given, else as a saved mapping or the headers say.

    Raises `Invalid`: the codes of `detect`, and `profile_not_detected`.
    """
    if asked.mapping is not None or not asked.saved:
        return _by_headers(sample, asked, None)
    headers = frozenset(name for known in asked.saved for name in known.headers)
    expected = headers.union(*(expected_headers(p) for p in _candidates(asked)))
    dialect = detect_any(sample.data, sample.total, asked.options, expected)
    if known := same(asked.saved, dialect.header, asked.profiles.by_name):
        return Recognised(asked.profiles.by_name[known.profile], dialect, known.mapping, known)
    return _with_drift(sample, asked, dialect)


def _candidates(asked: Asked) -> list[Profile]:
    return [asked.profiles.named(asked.profile)] if asked.profile else list(asked.profiles.by_name.values())


def _with_drift(sample: Sample, asked: Asked, dialect: Dialect) -> Recognised:
    """The headers are new: a mapping for much the same ones is used if all that it names are there."""
    known = nearest(asked.saved, dialect.header)
    if known is None:
        return _by_headers(sample, asked, None)
    if known.fits(asked.profiles.by_name.get(known.profile), names_in(dialect.header)):
        drift = Drift.between(known, named(dialect.header), reused=True)
        return Recognised(asked.profiles.by_name[known.profile], dialect, known.mapping, known, drift)
    found = _by_headers(sample, asked, Drift.between(known, named(dialect.header), reused=False))
    return replace(found, dialect=found.dialect or dialect)


def _by_headers(sample: Sample, asked: Asked, drift: Drift | None) -> Recognised:
    if asked.profile:
        return Recognised(asked.profiles.named(asked.profile), None, asked.mapping, drift=drift)
    try:
        profiles = asked.profiles.by_name.values()
        found = detect_profile(sample.data, sample.total, profiles, asked.options, asked.mapping)
    except Invalid as refused:
        raise explained(refused, drift) from None
    return Recognised(found.profile, found.dialect, asked.mapping, drift=drift)


def explained(refused: Invalid, drift: Drift | None) -> Invalid:
    """The same error; where a mapping was saved for a file much like it, with what has changed since."""
    if drift is None:
        return refused
    detail = {**refused.detail, "drift": {"added": list(drift.added), "removed": list(drift.removed)}}
    message = f"{refused.message} {drift.sentence}"
    return Invalid(message, code=refused.error_code, detail=detail, problems=refused.problems)
