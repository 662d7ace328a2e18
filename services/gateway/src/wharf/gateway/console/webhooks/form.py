"""The form of a webhook: what it offers, and what stands in it at first."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from wharf.common.webhooks import EVENTS, Event
from wharf.gateway.authentication import Member
from wharf.gateway.console.projects import projects_of

FRESH: Final[dict[str, Any]] = {
    "name": "",
    "url": "",
    "events": [Event.JOB_COMPLETED, Event.JOB_FAILED],
    "project_id": None,
    "kinds": None,
}
KINDS: Final = ("import", "package", "undo", "inspect", "report", "mail", "echo")
"""Kinds of job that a tenant has; a webhook that names another keeps it."""


def choices_of(connection: Connection, member: Member, said: dict[str, Any]) -> dict[str, Any]:
    """Events, kinds and projects that can be named, and those that are."""
    projects = projects_of(connection, member.project_id, said["project_id"])
    kinds = [*KINDS, *(kind for kind in said["kinds"] or () if kind not in KINDS)]
    return {"events": EVENTS, "kinds": kinds, "projects": projects, "bound": member.project_id is not None}
