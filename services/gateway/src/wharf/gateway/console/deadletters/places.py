"""Where the jobs of a group of dead letters are listed."""

from __future__ import annotations

from wharf.gateway.console.pages import address
from wharf.gateway.deadletters import DeadGroup


def place_of(group: DeadGroup, **narrowed: object) -> str:
    """The list's address; without an error where none was noted, which no filter finds."""
    said = {"kind": group.kind} | narrowed
    return address("/jobs", state="failed", error=group.code, discarded="false", **said)
