"""Things that several rows speak of: each is created once, in a dataset of its own, in the merge's transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection

from wharf.common.errors import Problem
from wharf.common.ledger.database import driver_of
from wharf.common.ledger.journal import Journal, names
from wharf.common.profiles import Profile
from wharf.common.profiles.schema import Entity
from wharf.ingest_worker.merge import Counts, Merge, ensure
from wharf.ingest_worker.upsert import Upsert

SHOWN = 20
"""Disagreements that are told of one column; how many there are is told too."""


@dataclass(frozen=True)
class EntityCounts:
    """How many of one kind of thing a merge made, and how many it changed."""

    created: int
    updated: int


@dataclass(frozen=True)
class FanOut:
    """The entities of one merge."""

    merge: Merge

    def run(self, connection: Connection, rows: Counts) -> dict[str, EntityCounts]:
        """Create and update every entity that the merged rows speak of; gives the counts by name."""
        return {e.name: self._keep(connection, e, rows) for e in self.merge.profile.entities}

    def disagreements(self, connection: Connection) -> list[Problem]:
        """Where rows of the file say different things about one entity: the last row wins, and the user is told."""
        entities = [e for e in self.merge.profile.entities if e.key != self.merge.profile.key]
        return [
            p for e in entities for c in e.columns if c in self.merge.brought for p in self._differing(connection, e, c)
        ]

    def _keep(self, connection: Connection, entity: Entity, rows: Counts) -> EntityCounts:
        if entity.key == self.merge.profile.key:
            return EntityCounts(rows.inserted, rows.updated)
        own = declared(self.merge.profile, entity)
        ensure(connection, own)
        upsert = Upsert(
            journal=Journal.of(connection, own.name),
            turn=self.merge.turn,
            project_id=self.merge.project_id,
            rows=self._rows(entity),
            targets=_targets(entity),
            never_empty=[entity.key[0], *(c.name for c in own.columns if c.required)],
            changes=self._changes(entity),
            few=rows.come_few,
        )
        return EntityCounts(*upsert.run(connection))

    def _rows(self, entity: Entity) -> sql.Composed:
        """One for each thing that is spoken of: the last."""
        return sql.SQL(
            "SELECT DISTINCT ON ({key}) {targets} FROM ({winners}) w"
            " WHERE {first} IS NOT NULL ORDER BY {key}, _line DESC"
        ).format(
            key=names(entity.key),
            targets=names(_targets(entity)),
            winners=self.merge.winners(),
            first=sql.Identifier(entity.key[0]),
        )

    def _changes(self, entity: Entity) -> dict[str, sql.Composable]:
        """Overwrite what the file says; where it says nothing, what was known stays."""
        brought = [c for c in entity.columns if c in self.merge.brought]
        return {c: sql.SQL("coalesce(new.{0}, was.{0})").format(sql.Identifier(c)) for c in brought}

    def _differing(self, connection: Connection, entity: Entity, column: str) -> Iterator[Problem]:
        query = sql.SQL(
            "SELECT concat_ws(' / ', {key}), array_agg(DISTINCT {column}::text), count(*) OVER () FROM ({winners}) w"
            " WHERE {first} IS NOT NULL GROUP BY {key} HAVING count(DISTINCT {column}) > 1 ORDER BY 1 LIMIT {shown}"
        ).format(
            key=names(entity.key),
            first=sql.Identifier(entity.key[0]),
            column=sql.Identifier(column),
            winners=self.merge.winners(),
            shown=SHOWN,
        )
        for thing, values, total in driver_of(connection).execute(query):
            told = ", ".join(f"{value!r}" for value in values[:5])
            message = f"{thing} has {len(values)} values of {column} in this file ({told}). Its last row was kept."
            more = f" {total} of {entity.name} differ so; {SHOWN} are told." if total > SHOWN else ""
            yield Problem(f"{entity.name}.{column}", "entity_disagrees", message + more)


def _targets(entity: Entity) -> list[str]:
    return ["project_id", *entity.key, *entity.columns, "_import_id", "_line"]


def declared(profile: Profile, entity: Entity) -> Profile:
    """An entity as a profile of its own: so its dataset is made, protected and read like any other."""
    plain = {"product_of": (), "number_within": ()}
    return Profile(
        name=f"{profile.name}_{entity.name}",
        title=f"{profile.title}: {entity.name}",
        key=entity.key,
        columns=tuple(profile.column(n).model_copy(update=plain) for n in (*entity.key, *entity.columns)),
    )
