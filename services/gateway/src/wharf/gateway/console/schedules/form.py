"""The form of a schedule: what it is filled with, and what it offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from wharf.common.access import Caller
from wharf.common.ledger.database import dumps
from wharf.common.packages import KnownPackages
from wharf.common.queues import Priority
from wharf.common.schedules import SCHEDULABLE, Misfire, Overlap
from wharf.common.schedules.timing import zone_names
from wharf.gateway.authentication import Member
from wharf.gateway.console.projects import projects_of
from wharf.gateway.routes.schedules import ScheduleView

FRESH: Final[Mapping[str, Any]] = {
    "name": "",
    "when": "cron",
    "cron": "0 8 * * MON",
    "interval_seconds": 3600,
    "time_zone": "UTC",
    "kind": "package",
    "package_type": "",
    "options": '{"formats": ["xlsx", "pdf"]}',
    "message": "",
    "project_id": None,
    "priority": Priority.NORMAL,
    "overlap": Overlap.SKIP,
    "misfire": Misfire.RUN_ONCE,
    "grace_seconds": 300,
    "enabled": True,
}
"""What a new one says before anybody has changed it."""
OVERLAPS: Final = (
    (Overlap.SKIP, "Skip this time"),
    (Overlap.QUEUE, "Wait until it has ended"),
    (Overlap.REPLACE, "Cancel it and begin anew"),
)
MISFIRES: Final = ((Misfire.RUN_ONCE, "Run once for all that were missed"), (Misfire.SKIP, "Leave them out"))
KINDS: Final = {"package": "Make a package", "echo": "Echo: say something back"}


def filled_with(schedule: ScheduleView) -> dict[str, Any]:
    """What the fields show of one that there is."""
    payload = schedule.payload
    own = schedule.model_dump(include=set(FRESH), exclude_none=True)
    said = {name: payload[name] for name in ("package_type", "message") if name in payload}
    options = dumps(payload["options"]) if payload.get("options") else ""
    when = "cron" if schedule.cron is not None else "interval"
    return dict(FRESH) | own | said | {"options": options, "when": when}


def choices_of(connection: Connection, caller: Caller | Member) -> dict[str, Any]:
    """What the form offers to a tenant; the installation's schedules have no choice of what they do."""
    offered = {
        "overlaps": OVERLAPS,
        "misfires": MISFIRES,
        "priorities": [(each, each.capitalize()) for each in Priority],
        "zones": zone_names(),
        "kinds": [(name, KINDS.get(name, name)) for name, one in SCHEDULABLE.items() if one.of_tenants],
    }
    if caller.tenant_id is None:
        return offered | {"types": [], "projects": []}
    types = [(name, kind.title or name) for name, kind in KnownPackages.of_tenant(connection).by_name.items()]
    return offered | {"types": types, "projects": projects_of(connection, caller.project_id)}
