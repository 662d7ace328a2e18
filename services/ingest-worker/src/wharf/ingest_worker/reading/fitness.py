"""How well a file's headers fit a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wharf.common.corrections import is_ours
from wharf.ingest_worker.reading.header import normalised

if TYPE_CHECKING:
    from wharf.common.profiles import Column, Profile
    from wharf.ingest_worker.reading.mapping import ColumnMapping, Match

NEEDED_WEIGHT: Final = 3
"""Of a column that is required or in the key: it says more about a file than a note does."""


def score_of(mapping: ColumnMapping, profile: Profile) -> float:
    """0 to 1: the mean of two shares, by weight: of the profile's columns that the file has, of its headers known.

    Either alone misleads: a profile of two columns is soon complete, a header of two cells is soon known.
    """
    weights = {c.name: _weight(c, profile) for c in profile.columns}
    found = {m.target for m in mapping.matches if m.target}
    of_profile = sum(weights[name] for name in found) / sum(weights.values())
    return round((of_profile + _share_known(mapping, weights)) / 2, 3)


def _weight(column: Column, profile: Profile) -> int:
    needed = column.required or (column.name in profile.key and not column.number_within)
    return NEEDED_WEIGHT if needed else 1


def _share_known(mapping: ColumnMapping, weights: dict[str, int]) -> float:
    """Of the headers, a repeated one counted once; one that a pattern of the profile matches is known."""
    distinct = {normalised(m.source): m for m in sorted(mapping.matches, key=_is_known) if not is_ours(m.source)}
    known = sum(weights[m.target] if m.target else 1 for m in distinct.values() if _is_known(m))
    unknown = sum(not _is_known(m) for m in distinct.values())
    return known / (known + unknown) if known else 0.0


def _is_known(match: Match) -> bool:
    return match.target is not None or match.kept_as is not None or match.is_nothing
