"""What the filter of the audit offers: keys and nouns of the changes that were made lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select

from wharf.common.ledger.models import Change

LOOKED_AT: Final = 1000
"""Newest changes: of what is older a link in its line leads to the filter."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Pairs of value and words."""

    who: list[tuple[str, str]]
    what: list[tuple[str, str]]


def choices_of(connection: Connection, project_id: str | None, who: UUID | None, what: str | None) -> Choices:
    """With those that are chosen, whatever was made lately."""
    query = select(Change.who, Change.who_name, Change.what).order_by(Change.id.desc()).limit(LOOKED_AT)
    if project_id is not None:
        query = query.where(Change.project_id == project_id)
    rows = connection.execute(query).all()
    keys = {str(row.who): row.who_name for row in rows}
    nouns = {row.what.partition(".")[0] for row in rows}
    if who is not None:
        keys.setdefault(str(who), str(who))
    if what is not None:
        nouns.add(what)
    return Choices(sorted(keys.items(), key=lambda pair: pair[1]), [(noun, noun) for noun in sorted(nouns)])
