"""Imports whose rows are in their dataset already, and hidden from everybody until they have ended.

Another import may need a key that such a row has. Then it does not wait: it moves the hidden rows into the staging
table of the import that wrote them, which goes on from there and is merged after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import errors, sql
from sqlalchemy import Connection, delete, insert, select, text, update

from wharf.common.jobs.states import Status
from wharf.common.ledger.database import driver_of
from wharf.common.ledger.journal import names, same_key
from wharf.common.ledger.models import Dataset, Job, Unfinished
from wharf.common.ledger.planner import joined
from wharf.common.profiles import Profile
from wharf.ingest_worker.merge import Counts, Merge

SHOW = text("SELECT set_config('wharf.unfinished', :how, true)")
STAGED_COLUMNS = text("""
    SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:staging) AND attnum > 0 AND NOT attisdropped""")
ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
OURS = frozenset({"tenant_id", "_rejected_at"})


@dataclass(frozen=True, slots=True)
class Hidden:
    """The rows of one import that nobody sees yet."""

    import_id: UUID
    place: str
    """The tenant's schema."""
    profile: str
    project_id: str
    numbered: tuple[str, ...]
    """Columns whose values Wharf has given: in staging they are given anew."""
    moved: bool

    @property
    def dataset(self) -> sql.Identifier:
        """Where they are."""
        return sql.Identifier(self.place, self.profile)

    @property
    def staging(self) -> str:
        """The name of the staging table of that import."""
        return f"staging_{self.import_id.hex}"

    @property
    def own(self) -> sql.Composed:
        """Which rows of the dataset they are."""
        return sql.SQL("project_id = {} AND _import_id = {}").format(self.project_id, self.import_id)

    def delete(self, connection: Connection) -> None:
        """As if they had never been there."""
        with shown(connection):
            driver_of(connection).execute(sql.SQL("DELETE FROM {} WHERE {}").format(self.dataset, self.own))

    def move(self, connection: Connection) -> None:
        """Out of the dataset, into the staging table; their numbers are given when they are merged."""
        place = sql.Identifier(self.place, self.staging).as_string(None)
        columns = [c for c in connection.execute(STAGED_COLUMNS, {"staging": place}).scalars() if c not in OURS]
        kept = names([c for c in columns if c not in self.numbered])
        statement = sql.SQL(
            "WITH gone AS (DELETE FROM {dataset} WHERE {own} RETURNING {kept})"
            " INSERT INTO {staging} ({kept}) SELECT {kept} FROM gone"
        ).format(dataset=self.dataset, own=self.own, kept=kept, staging=sql.Identifier(self.place, self.staging))
        with shown(connection):
            driver_of(connection).execute(statement)
        connection.execute(update(Unfinished).where(Unfinished.import_id == self.import_id).values(moved=True))

    def collides(self, connection: Connection, merge: Merge) -> bool:
        """Whether a row that is about to be merged has a key of one of them.

        Joined by hash: no statistics tell how many rows an import has written that has not ended.
        """
        never_empty = [c.name for c in merge.profile.columns if c.required or c.number_within]
        same = same_key("d", "w", merge.profile.key, never_empty=never_empty)
        query = sql.SQL(
            "SELECT EXISTS (SELECT FROM ({winners}) w JOIN {dataset} d ON {same}"
            " WHERE d.project_id = {project} AND d._import_id = {import_})"
        ).format(
            winners=merge.winners(), dataset=self.dataset, same=same, project=self.project_id, import_=self.import_id
        )
        with joined(connection), shown(connection):
            row = driver_of(connection).execute(query).fetchone()
        return bool(row and row[0])


class Overtaken(Exception):
    """Another import has changed since what this one counts on; it is to be merged again."""


def merged_among_others(connection: Connection, merge: Merge, mode: str, staged: int) -> Counts:
    """Merge, after hidden rows with the same keys have made way. Raises `Overtaken` where new ones came meanwhile."""
    for one in others(connection, merge):
        if one.collides(connection, merge):
            make_way(connection, one)
    try:
        counts = merge.run(connection, mode, staged)
    except errors.UniqueViolation as error:
        raise Overtaken from error
    # Where a row that is there is left alone, a hidden one would have been, too; and it may never be seen.
    if any(one.collides(connection, merge) for one in others(connection, merge)):
        raise Overtaken
    return counts


def make_way(connection: Connection, hidden: Hidden) -> None:
    """Move the rows of an import that has not ended; it goes on from staging, and is merged when its turn comes."""
    held = find(connection, hidden.import_id)
    if held is not None and not held.moved:
        held.move(connection)


def begin(connection: Connection, hidden: Hidden, job_id: UUID) -> None:
    """From now on what this import writes into its dataset is hidden."""
    values = {
        "import_id": hidden.import_id,
        "job_id": job_id,
        "profile": hidden.profile,
        "project_id": hidden.project_id,
        "numbered": list(hidden.numbered),
    }
    connection.execute(insert(Unfinished).values(values))


def find(connection: Connection, import_id: UUID, *, beside: bool = False) -> Hidden | None:
    """What an import hides, when nobody else is about to move it; None where it hides nothing.

    `beside`: the caller only looks, and others who write for the same import may go on meanwhile.
    """
    query = _query().where(Unfinished.import_id == import_id).with_for_update(of=Unfinished, read=beside)
    row = connection.execute(query).first()
    return _hidden(row) if row else None


def is_undisturbed(connection: Connection, import_id: UUID) -> bool:
    """Whether its rows are still where it wrote them; until this transaction ends nobody moves them.

    Nobody is waited for: one who moves them may wait for a row of this transaction.
    """
    query = (
        select(Unfinished.moved).where(Unfinished.import_id == import_id).with_for_update(read=True, skip_locked=True)
    )
    return connection.execute(query).scalar_one_or_none() is False


def others(connection: Connection, merge: Merge) -> list[Hidden]:
    """What other imports hide in the dataset and project of a merge; nothing where rows have no key to collide by."""
    if not merge.profile.key:
        return []
    found = hidden_in(connection, merge.profile.name, merge.project_id)
    return [one for one in found if one.import_id != merge.import_id]


def hidden_in(connection: Connection, profile: str, project_id: str) -> list[Hidden]:
    """What imports hide in a dataset and project."""
    place = (Unfinished.profile == profile, Unfinished.project_id == project_id, Unfinished.moved.is_(False))
    return [_hidden(row) for row in connection.execute(_query().where(*place))]


def end(connection: Connection, import_id: UUID) -> None:
    """Show everything at once, with the commit."""
    connection.execute(delete(Unfinished).where(Unfinished.import_id == import_id))


def forget_dead(connection: Connection) -> None:
    """Rows of imports whose jobs ended without a worker to clean up after them, such as one that killed three."""
    dead = (
        select(Unfinished.import_id)
        .join(Job, Job.id == Unfinished.job_id)
        .where(Job.status.in_(ENDED))
        .with_for_update(of=Unfinished, skip_locked=True)
    )
    for import_id in connection.execute(dead).scalars().all():
        forget(connection, import_id)


def forget(connection: Connection, import_id: UUID) -> None:
    """An import that did not come to its end leaves no row behind."""
    hidden = find(connection, import_id)
    if hidden is not None:
        hidden.delete(connection)
        end(connection, import_id)


@contextmanager
def shown(connection: Connection) -> Iterator[None]:
    """While this lasts hidden rows are seen."""
    connection.execute(SHOW, {"how": "shown"})
    yield
    connection.execute(SHOW, {"how": ""})


def given_numbers(profile: Profile, brought: frozenset[str]) -> tuple[str, ...]:
    """The columns that Wharf numbers in every row of a file."""
    return tuple(c.name for c in profile.columns if c.number_within and c.name not in brought)


def _query() -> Any:  # noqa: ANN401 - a select of several tables
    columns: Sequence[Any] = (
        Unfinished.import_id, Dataset.schema_name, Unfinished.profile, Unfinished.project_id, Unfinished.numbered,
        Unfinished.moved,
    )  # fmt: skip
    return select(*columns).join(Dataset, Dataset.profile == Unfinished.profile)


def _hidden(row: Any) -> Hidden:  # noqa: ANN401 - a row of the query
    return Hidden(row.import_id, row.schema_name, row.profile, row.project_id, tuple(row.numbered), row.moved)
