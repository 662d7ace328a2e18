"""The projects that a form or a filter offers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from wharf.common.ledger.models import Project

MOST: Final = 200


def projects_of(connection: Connection, own: str | None, chosen: str | None = None) -> list[str]:
    """By name, with the one that is chosen; for a key of one project that one alone."""
    if own:
        return [own]
    found = list(connection.scalars(select(Project.slug).order_by(Project.slug).limit(MOST)))
    return found if chosen is None or chosen in found else [chosen, *found]
