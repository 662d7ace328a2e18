"""The projects that a form or a filter offers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from wharf.common.ledger.models import Project

MOST: Final = 200


def projects_of(connection: Connection, own: str | None) -> list[str]:
    """By name; for a key of one project that one alone."""
    query = select(Project.slug).order_by(Project.slug).limit(MOST)
    return [own] if own else list(connection.scalars(query))
