"""From staging into the dataset: set-wise, in the transaction of the caller.

The statement is built from the profile: which columns are computed, which are numbered, which are the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from wharf.common.errors import Permanent
from wharf.common.ledger.database import driver_of
from wharf.common.ledger.journal import Journal, names, next_turn
from wharf.common.ledger.turns import take_turn
from wharf.common.profiles import Column, Profile
from wharf.common.profiles.types import Policy
from wharf.common.runtime.transients import sqlstate
from wharf.ingest_worker.conflicts import Waiting, settled
from wharf.ingest_worker.population import rows_of
from wharf.ingest_worker.reading.batches import PROPERTIES
from wharf.ingest_worker.staging import Staging, definition
from wharf.ingest_worker.upsert import FEW, Upsert, one_row

ENSURE = text("SELECT wharf.ensure_dataset(:profile, cast(:definition AS jsonb))")
DIFFERS = "WH001"
"""The SQLSTATE by which the ledger says that a dataset is not as it is declared."""
# A dry run told them, too; and what was told while the file was read may be wrong.
FORGET_NUMBERS = text("""
    WITH forgotten AS (DELETE FROM wharf.assigned WHERE import_id = :id)
    UPDATE wharf.rejects SET assigned = NULL WHERE import_id = :id AND assigned IS NOT NULL""")
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
    conflicts: int = 0
    """Cells that wait until somebody decides."""

    @property
    def come_few(self) -> bool:
        """Whether few rows came, beside those that were there."""
        return self.inserted + self.updated + self.unchanged <= FEW * self.rows_before


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
    numbered: bool = False
    """The staged rows have the numbers that Wharf gives."""
    turn: int = 0
    """The number of the merge, once its turn has come."""
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """What becomes of cells that differ; incoming, where nothing is said."""
    job_id: UUID | None = None
    """The job that merges, to which cells that wait belong."""

    @classmethod
    def planned(
        cls, staging: Staging, project_id: str, *, brought: frozenset[str], gaps: frozenset[str], numbered: bool
    ) -> Merge:
        """What would be merged, without a look at the dataset: it may not be there yet."""
        profile = staging.profile
        dataset = sql.Identifier(staging.place, profile.name)
        return cls(staging, dataset, profile, project_id, staging.import_id, brought, gaps, numbered)

    def prepared(self, connection: Connection) -> Merge:
        """Wait for the turn, and make sure that the dataset is there."""
        self.take_turn(connection)
        ensure(connection, self.profile)
        connection.execute(MEMORY)
        return replace(self, turn=next_turn(connection))

    def take_turn(self, connection: Connection) -> None:
        """Wait until no other merge into this dataset and project is under way, and let none begin before the end."""
        take_turn(connection, self.staging.place, self.profile.name, self.project_id)

    def table_of(self, dataset: str) -> sql.Composable:
        """Another dataset of the tenant."""
        return sql.Identifier(self.staging.place, dataset)

    def run(self, connection: Connection, mode: str, staged: int) -> Counts:
        """Merge `staged` rows in that mode."""
        before, journal = self._rows(connection), Journal.of(connection, self.profile.name)
        if mode == "replace":
            inserted = self._replace(connection, journal, before, staged)
            return Counts(before, inserted, 0, 0, staged - inserted, inserted)
        if not staged:
            return Counts(before, 0, 0, 0, 0, before)
        if not self.profile.key or before == 0:
            inserted = self._insert(connection)
            return Counts(before, inserted, 0, 0, staged - inserted, before + inserted)
        offered = self._offered(connection, staged)
        rows = self.winners(repeated=offered < staged)
        if mode == "append":
            inserted, updated, waiting = self._add(connection, rows), 0, 0
        else:
            inserted, updated, waiting = self._upsert(connection, journal, rows, few=staged <= FEW * before)
        unchanged = offered - inserted - updated
        return Counts(before, inserted, updated, unchanged, staged - offered, before + inserted, waiting)

    def already_there(self, connection: Connection, rows: int) -> Counts:
        """The account of rows that are in the dataset already, all of them new."""
        before = self._rows(connection)
        return Counts(before, rows, 0, 0, 0, before + rows)

    def number_rejects(self, connection: Connection, *, direct: bool, few: bool) -> None:
        """Tell rejected rows the number that is theirs, so that the corrected row takes no other row's place.

        `direct`: the others are in the dataset, else in staging. `few`: look for their groups first. With many that
        takes longer than to number all rows.
        """
        given = self._given()
        if not given:
            return
        connection.execute(FORGET_NUMBERS, {"id": self.import_id})
        pairs = [sql.SQL("{}, {}").format(column.name, number_of(column)) for column in given]
        groups = [self._has_rejects(column) for column in given] if few else [sql.SQL("true")]
        statement = sql.SQL(
            "INSERT INTO wharf.assigned (import_id, byte_offset, cells) SELECT {id}, _rejected_at, cells FROM ("
            " SELECT _rejected_at, jsonb_build_object({pairs}) AS cells FROM {rows} WHERE {groups}) numbered"
            " WHERE _rejected_at IS NOT NULL ORDER BY _rejected_at"
        ).format(
            id=self.import_id,
            pairs=sql.SQL(", ").join(pairs),
            rows=self._with_direct() if direct else self.staging.table,
            groups=sql.SQL(" OR ").join(groups),
        )
        driver_of(connection).execute(statement)

    def _with_direct(self) -> sql.Composed:
        """Rejected rows from staging, the others from the dataset, as far as numbers need them."""
        groups = names(sorted({name for column in self._given() for name in column.number_within}))
        return sql.SQL(
            "(SELECT {groups}, _line, _rejected_at FROM {staging} UNION ALL SELECT {groups}, _line, NULL FROM {dataset}"
            " WHERE project_id = {project} AND _import_id = {id}) r"
        ).format(
            groups=groups,
            staging=self.staging.table,
            dataset=self.dataset,
            project=self.project_id,
            id=self.import_id,
        )

    def _has_rejects(self, column: Column) -> sql.Composed:
        """That a row's group has a rejected one."""
        return sql.SQL("({group}) IN (SELECT {group} FROM {staging} WHERE _rejected_at IS NOT NULL)").format(
            group=names(column.number_within), staging=self.staging.table
        )

    def _rows(self, connection: Connection) -> int:
        return rows_of(connection, self.dataset, self.profile.name, self.project_id)

    def _replace(self, connection: Connection, journal: Journal, before: int, staged: int) -> int:
        """All that is there goes; a row whose key comes again is changed in its place. Gives how many rows came."""
        if not self.profile.key or not before or not staged:
            journal.keep_all(connection, self.turn, self.project_id)
            return self._insert(connection) if staged else 0
        rows = self.winners(repeated=self._offered(connection, staged) < staged)
        brought = self._targets()
        changes = {c: sql.Identifier("new", c) if c in brought else sql.SQL("NULL") for c in journal.columns}
        upsert = self._upserting(journal, rows, changes, few=staged <= FEW * before)
        came = sum(replace(upsert, always=True).run(connection))
        journal.keep_all(connection, self.turn, self.project_id, but=self.import_id)
        return came

    def _insert(self, connection: Connection) -> int:
        statement = sql.SQL("INSERT INTO {} ({}) {}").format(self.dataset, names(self._targets()), self.winners())
        return driver_of(connection).execute(statement).rowcount

    def _offered(self, connection: Connection, staged: int) -> int:
        """How many rows are left where of several with one key only the last counts."""
        if not self._may_repeat():
            return staged
        query = sql.SQL("SELECT count(*) FROM (SELECT DISTINCT {} FROM ({}) staged) offered").format(
            names(self.profile.key), self._numbering()
        )
        return one_row(connection, query)[0]

    def _add(self, connection: Connection, rows: sql.Composable) -> int:
        """Only what is new."""
        statement = sql.SQL("INSERT INTO {} ({}) {} ON CONFLICT DO NOTHING").format(
            self.dataset, names(self._targets()), rows
        )
        return driver_of(connection).execute(statement).rowcount

    def _upsert(
        self, connection: Connection, journal: Journal, rows: sql.Composable, *, few: bool
    ) -> tuple[int, int, int]:
        """Insert what is new and change what the file brings; gives both counts, and how many cells wait."""
        upsert = self._upserting(journal, rows, self._changes(), few=few)
        waiting = 0
        if self.job_id is not None:
            asked = [name for name in self._differing() if self.policies.get(name) is Policy.ASK]
            waiting = Waiting(upsert, self.profile.name, asked, self.import_id, self.job_id).write(connection)
        return (*upsert.run(connection), waiting)

    def _upserting(
        self, journal: Journal, rows: sql.Composable, changes: Mapping[str, sql.Composable], *, few: bool
    ) -> Upsert:
        never_empty = [c.name for c in self.profile.columns if c.required or c.number_within]
        return Upsert(journal, self.turn, self.project_id, rows, self._targets(), never_empty, changes, few)

    def _differing(self) -> list[str]:
        """The columns in which a row may differ from the one that is there."""
        return [c.name for c in self.profile.columns if c.name not in self.profile.key and self._is_given(c)]

    def _changes(self) -> dict[str, sql.Composable]:
        own = {n: self.policies.get(n, Policy.INCOMING) for n in self._differing()}
        settling = {name: settled(name, policy, self.profile.newest_by) for name, policy in own.items()}
        found = {name: value for name, value in settling.items() if value is not None}
        return found | ({PROPERTIES: sql.Identifier("new", PROPERTIES)} if PROPERTIES in self.brought else {})

    def _targets(self) -> list[str]:
        return ["project_id", *(c.name for c in self.profile.columns), "properties", "_import_id", "_line"]

    def rows(self) -> sql.Composed:
        """The staged rows, numbered and computed, with their lines."""
        values = sql.SQL(", ").join(map(self._value, self.profile.columns))
        return sql.SQL("SELECT {}, _line FROM ({}) staged").format(values, self._numbering())

    def winners(self, *, repeated: bool = True) -> sql.Composed:
        """The rows to merge: numbered and computed; of several with one key in the file the last one.

        Where it is known that no key is `repeated`, nothing has to be sorted.
        """
        key, repeated = self.profile.key, repeated and self._may_repeat()
        values = sql.SQL(", ").join([*map(self._value, self.profile.columns), sql.Identifier("properties")])
        return sql.SQL(
            "SELECT {distinct} {project}::text AS project_id, {values}, {id}::uuid AS _import_id, _line"
            " FROM ({numbered}) staged {order}"
        ).format(
            distinct=sql.SQL("DISTINCT ON ({})").format(names(key)) if repeated else sql.SQL(""),
            project=self.project_id,
            values=values,
            id=str(self.import_id),
            numbered=self._numbering(),
            order=sql.SQL("ORDER BY {}, _line DESC").format(names(key)) if repeated else sql.SQL(""),
        )

    def _numbering(self) -> sql.Composed:
        """Staged rows, with numbers where the file has none; rejected ones are counted and then left out."""
        rows = sql.SQL("SELECT * FROM {} WHERE _rejected_at IS NULL").format(self.staging.table)
        for column in () if self.numbered else self._given():
            others = names([c.name for c in self.profile.columns if c.name != column.name])
            rows = sql.SQL(
                "SELECT * FROM (SELECT {others},"
                " coalesce({own}, {number}) AS {name},"
                " properties, _line, _rejected_at FROM {staging}) numbered WHERE _rejected_at IS NULL"
            ).format(
                others=others,
                own=sql.Identifier(column.name) if column.name in self.brought else sql.SQL("NULL"),
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

    def _given(self) -> list[Column]:
        """The columns that Wharf numbers, because the file does not have them or has them not everywhere."""
        return [c for c in self.profile.columns if c.number_within and self._has_gaps(c)]

    def _has_gaps(self, column: Column) -> bool:
        return column.name not in self.brought or column.name in self.gaps

    def _may_repeat(self) -> bool:
        """Whether two staged rows can have one key: not where the key holds a number that was just given."""
        given_by_us = {c.name for c in self._given()} - self.brought
        return bool(self.profile.key) and not given_by_us & set(self.profile.key)

    def _is_given(self, column: Column) -> bool:
        return column.name in self.brought or bool(column.product_of)


def ensure(connection: Connection, profile: Profile) -> str:
    """Make sure that a profile's dataset is there; gives the schema in which it is."""
    values = {"profile": profile.name, "definition": definition(profile)}
    try:
        return str(connection.execute(ENSURE, values).scalar_one())
    except DBAPIError as error:
        if sqlstate(error) != DIFFERS:
            raise
        message = f"The dataset {profile.name} has another key, or a column of another type, than its profile says now."
        raise Permanent(f"{message} Import by a profile of another name.", code="dataset_differs") from error


def number_of(column: Column) -> sql.Composed:
    """A staged row's number among its group's rows, rejected ones counted too, in the file's order."""
    return sql.SQL("row_number() OVER (PARTITION BY {} ORDER BY _line)").format(names(column.number_within))
