"""The pages that the frame leads to, and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wharf.common.access import Role


@dataclass(frozen=True, slots=True)
class Entry:
    """One page: its address, its name, its icon, and the roles that see it."""

    path: str
    name: str
    icon: str
    roles: tuple[Role, ...]

    def leads(self, path: str) -> bool:
        """Whether that page is this one, or below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


ENTRIES: Final = (
    Entry("/", "Overview", "overview", (Role.VIEWER, Role.PLATFORM)),
    Entry("/files", "Hand in files", "files", (Role.OPERATOR,)),
    Entry("/data", "Data", "data", (Role.VIEWER,)),
    Entry("/profiles", "Profiles", "profiles", (Role.VIEWER,)),
    Entry("/packages", "Packages", "package", (Role.OPERATOR,)),
    Entry("/jobs", "Jobs", "jobs", (Role.VIEWER,)),
    Entry("/queues", "Queues", "queues", (Role.VIEWER, Role.PLATFORM)),
    Entry("/workers", "Workers", "workers", (Role.OPERATOR, Role.PLATFORM)),
    Entry("/dead-letters", "Dead letters", "dead", (Role.VIEWER,)),
    Entry("/schedules", "Schedules", "schedules", (Role.VIEWER, Role.PLATFORM)),
    Entry("/webhooks", "Webhooks", "webhooks", (Role.OPERATOR,)),
    Entry("/keys", "Keys", "keys", (Role.ADMIN, Role.PLATFORM)),
    Entry("/tenants", "Tenants", "tenants", (Role.PLATFORM,)),
    Entry("/audit", "Audit", "audit", (Role.ADMIN, Role.PLATFORM)),
)
"""In the order of the frame. A page that is new is a line here and a module in `console.ABOUTS`."""


def entries_for(role: Role) -> list[Entry]:
    """What that role sees."""
    return [entry for entry in ENTRIES if any(role.covers(needed) for needed in entry.roles)]
