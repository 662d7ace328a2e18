"""Profiles: declarations of the kinds of table that Wharf can load.

The built-in ones are TOML files in `builtin/`.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from wharf.common.errors import Invalid, Problem
from wharf.common.profiles.schema import SQL_TYPES, Column, ColumnType, Profile

__all__ = ["SQL_TYPES", "Column", "ColumnType", "Profile", "builtin_profile", "builtin_profiles"]


@cache
def builtin_profiles() -> dict[str, Profile]:
    """The built-in profiles by name."""
    folder = resources.files("wharf.common.profiles") / "builtin"
    found = [
        Profile.model_validate(tomllib.loads(f.read_text("utf-8")))
        for f in folder.iterdir()
        if f.name.endswith(".toml")
    ]
    return {p.name: p for p in sorted(found, key=lambda p: p.name)}


def builtin_profile(name: str) -> Profile:
    """The built-in profile of that name.

    Raises `Invalid` (`unknown_profile`), which lists the names that there are.
    """
    known = builtin_profiles()
    if name in known:
        return known[name]
    message = f"There is no profile {name!r}. Use one of: {', '.join(known)}."
    raise Invalid(message, code="unknown_profile", problems=(Problem("profile", "unknown_profile", message),))
