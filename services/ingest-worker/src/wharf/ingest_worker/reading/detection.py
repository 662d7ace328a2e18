"""Which profile a file is of, by its headers alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wharf.common.errors import Invalid, Problem
from wharf.ingest_worker.reading.dialect import Dialect, detect
from wharf.ingest_worker.reading.fitness import score_of
from wharf.ingest_worker.reading.mapping import expected_headers, listed, match_columns, missing_columns, named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from wharf.common.imports import ImportOptions
    from wharf.common.profiles import Profile

FLOOR: Final = 0.4
"""A profile that fits less is not chosen: somebody must say that it is meant."""
LEAD: Final = 0.1
"""By so much the best profile must be ahead of the next one."""
NEAREST: Final = 3
"""How many profiles an error names."""
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Detection:
    """The profile of a file, how well it fits, and the dialect in which its headers were found."""

    profile: Profile
    score: float
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Guess:
    """One profile, how well the headers fit it, and the required columns that they do not bring."""

    profile: Profile
    score: float
    missing: tuple[str, ...]

    def __str__(self) -> str:
        lacks = f", without {', '.join(self.missing)}" if self.missing else ""
        return f"{self.profile.name} ({self.score:.2f}{lacks})"

    def as_dict(self) -> dict[str, object]:
        """As an error's detail shows it."""
        return {"name": self.profile.name, "score": self.score, "missing": list(self.missing)}


def detect_profile(
    sample: bytes,
    total_size: int,
    profiles: Collection[Profile],
    options: ImportOptions,
    mapping: Mapping[str, str | None] | None = None,
) -> Detection:
    """The profile that the headers of a file fit best; a given mapping leaves those that have all its targets.

    Raises `Invalid`: the codes of `detect`, `bad_mapping`, and `profile_not_detected` where none fits well
    enough or two fit nearly as well.
    """
    expected = frozenset(mapping or {}).union(*(expected_headers(p) for p in profiles))
    dialect = detect_any(sample, total_size, options, expected)
    targets = set((mapping or {}).values()) - {None}
    candidates = [p for p in profiles if targets <= {c.name for c in p.columns}]
    guesses = sorted((_guess(dialect.header, p, mapping) for p in candidates), key=lambda g: (-g.score, g.profile.name))
    possible = [g for g in guesses if not g.missing]
    if not _is_clear(possible):
        raise _not_detected(named(dialect.header), guesses, possible)
    return Detection(possible[0].profile, possible[0].score, dialect)


def _is_clear(possible: Sequence[Guess]) -> bool:
    """Whether the first fits well enough, and clearly better than the second."""
    first, second = ([*(guess.score for guess in possible[:2]), 0.0, 0.0])[:2]
    return first >= FLOOR and (len(possible) == 1 or first - second >= LEAD)


def detect_any(sample: bytes, total_size: int, options: ImportOptions, expected: frozenset[str]) -> Dialect:
    """As `detect`; where none of the expected headers is there, by the rows alone."""
    try:
        return detect(sample, total_size, options, expected)
    except Invalid as refused:
        if refused.error_code != "no_header":
            raise
    return detect(sample, total_size, options, frozenset())


def _guess(header: Sequence[str], profile: Profile, mapping: Mapping[str, str | None] | None) -> Guess:
    found = match_columns(header, profile, mapping)
    return Guess(profile, score_of(found, profile), tuple(missing_columns(found, profile)))


def _not_detected(names: Sequence[str], guesses: Sequence[Guess], possible: Sequence[Guess]) -> Invalid:
    nearest = ((*possible, *(g for g in guesses if g.missing)))[:NEAREST]
    tie = len(possible) > 1 and possible[0].score >= FLOOR
    why = "more than one profile" if tie else "no profile well enough"
    message = (
        f"The headers of this file fit {why}. Found: {listed(names)}. "
        f"Nearest: {'; '.join(map(str, nearest)) or 'none that has all columns of the mapping'}. "
        "Name the profile, or say with a mapping which header is which column."
    )
    detail: dict[str, object] = {"found": list(names[:SHOWN]), "profiles": [g.as_dict() for g in nearest]}
    problem = Problem("profile", "profile_not_detected", message)
    return Invalid(message, code="profile_not_detected", detail=detail, problems=(problem,))
