"""What the forms of a file offer."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from wharf.common.profiles import KnownProfiles, Profile
from wharf.gateway.authentication import Member
from wharf.gateway.console.projects import projects_of

DETECT: Final = ("", "Find out by the headers")
MODES: Final = (
    ("", "New rows are added, known ones updated"),
    ("append", "All rows are added"),
    ("replace", "The project's rows are replaced"),
)
ON_ERROR: Final = (("", "Keep them aside, load the others"), ("abort", "Load nothing"))
DATE_ORDERS: Final = (("", "as they show"), ("DMY", "day first"), ("MDY", "month first"), ("YMD", "year first"))


def choices_of(connection: Connection, member: Member) -> dict[str, Any]:
    """Profiles by their titles, the projects that there are, and what is done with rows."""
    known = KnownProfiles.of_tenant(connection).by_name.values()
    return {
        "profiles": [DETECT, *sorted(((one.name, titled(one)) for one in known), key=lambda pair: pair[1])],
        "projects": projects_of(connection, member.project_id),
        "modes": MODES,
        "on_error": ON_ERROR,
        "date_orders": DATE_ORDERS,
    }


def titled(profile: Profile) -> str:
    """Its title, or else its name."""
    return profile.title or profile.name
