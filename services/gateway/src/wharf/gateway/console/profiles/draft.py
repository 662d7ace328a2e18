"""The profile that an inspection has drafted, as its form shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wharf.common.profiles import Column, Profile
from wharf.gateway.console.files.found import Line, Look


@dataclass(frozen=True, slots=True)
class Draft:
    """A profile that nobody has saved yet, with the file's columns that each of its columns is for."""

    profile: Profile
    columns: list[tuple[Column, Line]]
    options: dict[str, Any]
    """How the file was asked to be read: the next look at it reads it so, too."""


def draft_of(look: Look) -> Draft | None:
    """None where the file has not been looked at to the end, or holds nothing that a profile could have."""
    found = (look.found or {}).get("draft")
    if not found:
        return None
    profile = Profile.model_validate(found)
    lines = {line.source: line for line in reversed(look.lines)}
    pairs = [(column, lines.get(next(iter(column.aliases), column.name))) for column in profile.columns]
    return Draft(profile, [(column, line) for column, line in pairs if line], look.options)
