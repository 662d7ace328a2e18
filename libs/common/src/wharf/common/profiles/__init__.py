"""Profiles: declarations of the kinds of table that Wharf can load.

The built-in ones are TOML files in `builtin/`; a tenant's own are in the ledger and go before them.
"""

from __future__ import annotations

from wharf.common.profiles.known import KnownProfiles, builtin_profile, builtin_profiles
from wharf.common.profiles.schema import Column, Profile
from wharf.common.profiles.types import SQL_TYPES, ColumnType

__all__ = [
    "SQL_TYPES",
    "Column",
    "ColumnType",
    "KnownProfiles",
    "Profile",
    "builtin_profile",
    "builtin_profiles",
]
