"""From staging into the dataset: set-wise, in the transaction of the caller.

The statement is built from the profile: which columns are computed, which are numbered, which are the key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection, text

from wharf.common.ledger.database import driver_of
from wharf.common.profiles import Column, Profile
from wharf.ingest_worker.reading.batches import PROPERTIES
from wharf.ingest_worker.staging import Staging, definition

ENSURE = text("SELECT wharf.ensure_dataset(:profile, cast(:definition AS jsonb))")
# One merge at a time into one dataset of one project: the counts are exact, and nobody's insert can collide.
TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:place, 0))")
MEMORY = text("SET LOCAL work_mem = '96MB'")


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the staged rows."""

    rows_before: int
    inserted: int
    updated: int
    unchanged: int
    superseded: int
    rows_after: int


@dataclass(frozen=True)
class Merge:
    """One merge: the staged rows of an import into the dataset of a profile, within one project."""

    staging: Staging
    dataset: sql.Composable
    profile: Profile
    project_id: str
    import_id: UUID
    brought: frozenset[str]
    """The profile's columns that the file has."""
    gaps: frozenset[str]
    """Those of them with an empty cell somewhere."""

    @classmethod
    def prepare(
        cls, connection: Connection, staging: Staging, project_id: str, *, brought: frozenset[str], gaps: frozenset[str]
    ) -> Merge:
        """Make sure that the dataset is there, and wait for the turn."""
        profile = staging.profile
        place = ensure(connection, profile)
        connection.execute(TURN, {"place": f"{place}.{profile.name}/{project_id}"})
        connection.execute(MEMORY)
        dataset = sql.Identifier(place, profile.name)
        return cls(staging, dataset, profile, project_id, staging.import_id, brought, gaps)

    def run(self, connection: Connection, mode: str, staged: int) -> Counts:
        """Merge `staged` rows in that mode."""
        before = self._rows(connection)
        if mode == "replace":
            self._clear(connection)
        if not staged:
            return Counts(before, 0, 0, 0, 0, 0 if mode == "replace" else before)
        distinct_key = bool(self.profile.key)
        if not distinct_key or mode == "replace" or before == 0:
            inserted = self._insert(connection)
            return Counts(
                before, inserted, 0, 0, staged - inserted, inserted if mode == "replace" else before + inserted
            )
        inserted, updated, candidates = self._upsert(connection, keep=mode == "append")
        unchanged = candidates - inserted - updated
        return Counts(before, inserted, updated, unchanged, staged - candidates, before + inserted)

    def number_rejects(self, connection: Connection, *, few: bool) -> None:
        """Tell rejected rows the number that is theirs, so that the corrected row takes no other row's place.

        `few`: look for their groups first. With many that takes longer than to number all rows.
        """
        if not self._numbered():
            return
        pairs = [sql.SQL("{}, {}").format(column.name, number_of(column)) for column in self._numbered()]
        groups = [self._has_rejects(column) for column in self._numbered()] if few else [sql.SQL("true")]
        statement = sql.SQL(
            "INSERT INTO wharf.assigned (import_id, byte_offset, cells) SELECT {id}, _rejected_at, cells FROM ("
            " SELECT _rejected_at, jsonb_build_object({pairs}) AS cells FROM {staging} WHERE {groups}) numbered"
            " WHERE _rejected_at IS NOT NULL ORDER BY _rejected_at"
        ).format(
            id=self.import_id,
            pairs=sql.SQL(", ").join(pairs),
            staging=self.staging.table,
            groups=sql.SQL(" OR ").join(groups),
        )
        driver_of(connection).execute(statement)

    def _has_rejects(self, column: Column) -> sql.Composed:
        """That a row's group has a rejected one."""
        return sql.SQL("({group}) IN (SELECT {group} FROM {staging} WHERE _rejected_at IS NOT NULL)").format(
            group=names(column.number_within), staging=self.staging.table
        )

    def _rows(self, connection: Connection) -> int:
        query = sql.SQL("SELECT count(*) FROM {} WHERE project_id = {}").format(self.dataset, self.project_id)
        return one_row(connection, query)[0]

    def _clear(self, connection: Connection) -> None:
        driver_of(connection).execute(
            sql.SQL("DELETE FROM {} WHERE project_id = {}").format(self.dataset, self.project_id)
        )

    def _insert(self, connection: Connection) -> int:
        statement = sql.SQL("INSERT INTO {} ({}) {}").format(self.dataset, self._targets(), self.winners())
        return driver_of(connection).execute(statement).rowcount

    def _upsert(self, connection: Connection, *, keep: bool) -> tuple[int, int, int]:
        """Inserted, updated, and how many rows were offered (the last one of each key)."""
        statement = sql.SQL(
            "WITH offered AS MATERIALIZED ({winners}), merged AS ("
            " INSERT INTO {dataset} AS kept ({targets}) SELECT {targets} FROM offered"
            " ON CONFLICT (project_id, {key}) {action} RETURNING (xmax = 0) AS fresh)"
            " SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh),"
            " (SELECT count(*) FROM offered) FROM merged"
        ).format(
            winners=self.winners(),
            dataset=self.dataset,
            targets=self._targets(),
            key=names(self.profile.key),
            action=sql.SQL("DO NOTHING") if keep else self._update(),
        )
        inserted, updated, offered = one_row(connection, statement)
        return inserted, updated, offered

    def _update(self) -> sql.Composed:
        """Overwrite what the file brings, and only where something differs: an unchanged row is not rewritten."""
        changing = [c.name for c in self.profile.columns if c.name not in self.profile.key and self._is_given(c)]
        changing += [PROPERTIES] if PROPERTIES in self.brought else []
        if not changing:
            return sql.SQL("DO NOTHING").format()
        lineage = [*changing, "_import_id", "_line"]
        sets = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(n)) for n in lineage)
        kept = sql.SQL(", ").join(sql.SQL("kept.{}").format(sql.Identifier(n)) for n in changing)
        new = sql.SQL(", ").join(sql.SQL("excluded.{}").format(sql.Identifier(n)) for n in changing)
        return sql.SQL("DO UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})").format(sets, kept, new)

    def _targets(self) -> sql.Composed:
        return names(["project_id", *(c.name for c in self.profile.columns), "properties", "_import_id", "_line"])

    def winners(self) -> sql.Composed:
        """The rows to merge: numbered and computed; of several with one key in the file the last one."""
        key = self.profile.key
        values = sql.SQL(", ").join([*map(self._value, self.profile.columns), sql.Identifier("properties")])
        return sql.SQL(
            "SELECT {distinct} {project}::text AS project_id, {values}, {id}::uuid AS _import_id, _line"
            " FROM ({numbered}) staged {order}"
        ).format(
            distinct=sql.SQL("DISTINCT ON ({})").format(names(key)) if self._may_repeat() else sql.SQL(""),
            project=self.project_id,
            values=values,
            id=str(self.import_id),
            numbered=self._numbering(),
            order=sql.SQL("ORDER BY {}, _line DESC").format(names(key)) if self._may_repeat() else sql.SQL(""),
        )

    def _numbering(self) -> sql.Composed:
        """Staged rows, with numbers where the file has none; rejected ones are counted and then left out."""
        rows = sql.SQL("SELECT * FROM {} WHERE _rejected_at IS NULL").format(self.staging.table)
        for column in self._numbered():
            others = names([c.name for c in self.profile.columns if c.name != column.name])
            rows = sql.SQL(
                "SELECT * FROM (SELECT {others},"
                " coalesce({name}, {number}) AS {name},"
                " properties, _line, _rejected_at FROM {staging}) numbered WHERE _rejected_at IS NULL"
            ).format(
                others=others,
                name=sql.Identifier(column.name),
                number=number_of(column),
                staging=self.staging.table,
            )
        return sql.SQL("{}").format(rows)

    def _value(self, column: Column) -> sql.Composable:
        own = sql.Identifier(column.name)
        if not column.product_of:
            return own
        product = sql.SQL(" * ").join(map(sql.Identifier, column.product_of))
        return sql.SQL("coalesce({}, {}) AS {}").format(own, product, own)

    def _numbered(self) -> list[Column]:
        """The columns that Wharf numbers, because the file does not have them or has them not everywhere."""
        return [c for c in self.profile.columns if c.number_within and self._has_gaps(c)]

    def _has_gaps(self, column: Column) -> bool:
        return column.name not in self.brought or column.name in self.gaps

    def _may_repeat(self) -> bool:
        """Whether two staged rows can have one key: not where the key holds a number that was just given."""
        given_by_us = {c.name for c in self._numbered()} - self.brought
        return bool(self.profile.key) and not given_by_us & set(self.profile.key)

    def _is_given(self, column: Column) -> bool:
        return column.name in self.brought or bool(column.product_of)


def ensure(connection: Connection, profile: Profile) -> str:
    """Make sure that a profile's dataset is there; gives the schema in which it is."""
    values = {"profile": profile.name, "definition": definition(profile)}
    return str(connection.execute(ENSURE, values).scalar_one())


def names(columns: Iterable[str]) -> sql.Composed:
    """Columns, quoted, with commas between them."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def number_of(column: Column) -> sql.Composed:
    """A staged row's number among its group's rows, rejected ones counted too, in the file's order."""
    return sql.SQL("row_number() OVER (PARTITION BY {} ORDER BY _line)").format(names(column.number_within))


def one_row(connection: Connection, query: sql.Composed) -> tuple[int, ...]:
    """The one row that a query of counts gives."""
    row = driver_of(connection).execute(query).fetchone()
    return tuple(row) if row else ()
