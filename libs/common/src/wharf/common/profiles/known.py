"""The profiles that there are: the built-in ones, and before them those that a tenant has written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

from sqlalchemy import Connection, select

from wharf.common.builtin import built_in
from wharf.common.errors import Invalid, Problem
from wharf.common.ledger.models import OwnProfile
from wharf.common.profiles.schema import Profile


@cache
def builtin_profiles() -> dict[str, Profile]:
    """The built-in profiles by name."""
    found = built_in("wharf.common.profiles", Profile)
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


def builtin_profile(name: str) -> Profile:
    """The built-in profile of that name. Raises `Invalid` (`unknown_profile`)."""
    return KnownProfiles(builtin_profiles()).named(name)


@dataclass(frozen=True, slots=True)
class KnownProfiles:
    """The profiles that a tenant can load by, by name."""

    by_name: Mapping[str, Profile]

    @classmethod
    def of_tenant(cls, connection: Connection) -> Self:
        """Those of the transaction's tenant."""
        rows = connection.execute(select(OwnProfile.name, OwnProfile.declaration))
        own = {row.name: Profile.model_validate(row.declaration) for row in rows}
        return cls(dict(sorted((builtin_profiles() | own).items())))

    def named(self, name: str) -> Profile:
        """The profile of that name. Raises `Invalid` (`unknown_profile`), which lists the names that there are."""
        if name in self.by_name:
            return self.by_name[name]
        message = f"There is no profile {name!r}. Use one of: {', '.join(self.by_name)}."
        raise Invalid(message, code="unknown_profile", problems=(Problem("profile", "unknown_profile", message),))
