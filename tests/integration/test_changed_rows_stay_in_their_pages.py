from __future__ import annotations

import json
from pathlib import Path
from typing import Any, LiteralString
from uuid import uuid4

import pytest
from psycopg import sql
from sqlalchemy import Connection, text

from tests.integration.test_undoing_imports import load, rows, undo
from tests.integration.test_upserts_on_every_server import (
    DEFINITION,
    NEW,
    OLD,
    TARGETS,
    all_of,
    connection,
    fill,
    query,
    rows_read,
)
from wharf.common.ledger.journal import Journal
from wharf.ingest_worker.reversal import Reversal, Reversed
from wharf.ingest_worker.traces import Traces
from wharf.ingest_worker.upsert import Upsert
from wharf.local.trial import Trial

__all__ = ["connection"]
MANY = 20_000
ALL: LiteralString = "SELECT a, b, v, _import_id, _line FROM {} WHERE project_id = 'p' ORDER BY a, b"


@pytest.fixture
def journal(connection: Connection) -> Journal:
    """Of a dataset in which another import's rows are: `A1` to `A20000`, and two with gaps in the key."""
    name = f"u_{uuid4().hex[:12]}"
    connection.execute(text("SELECT wharf.ensure_dataset(:name, cast(:d AS jsonb))"), {"name": name, "d": DEFINITION})
    made = Journal.of(connection, name)
    fill(connection, made, "p", MANY)
    upsert(connection, made, 1, query((None, 1, "old"), ("A", None, "old"), by=OLD))
    return made


def upsert(connection: Connection, journal: Journal, turn: int, rows: sql.Composed) -> tuple[int, int]:
    """Inserted, and changed."""
    return Upsert(journal, turn, "p", rows, TARGETS, (), {"v": sql.Identifier("new", "v")}).run(connection)


def reversed_(connection: Connection, journal: Journal, *, few: bool, written: int | None = None) -> Reversed:
    """Turn 2 is undone; `few` beside the rows that are there, as the one who undoes knows."""
    traces = Traces(journal, NEW, 2, "p", None)
    return Reversal(traces, replaced=False, rows=MANY if few else 0, written=written).run(connection)


def read(connection: Connection, journal: Journal) -> int:
    """Rows of the dataset that were read so far."""
    assert isinstance(journal.dataset, sql.Identifier)
    return rows_read(connection, journal.dataset._obj[-1])


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize("gap", [("A", None), (None, 1)])
def test_what_came_goes_and_what_changed_comes_back(
    connection: Connection, journal: Journal, gap: tuple[Any, ...], *, few: bool
) -> None:
    """Whichever way the rows are found: also those that have no value in a column of the key."""
    before = all_of(connection, ALL, journal.dataset)
    came = query(("A7", 7, "new"), ("A8", 8, "new"), (*gap, "new"), ("new", 1, "new"), by=NEW)
    assert upsert(connection, journal, 2, came) == (1, 3)
    done = reversed_(connection, journal, few=few)
    assert (done.out, done.back, done.both, done.journaled) == (4, 3, 3, 3)
    assert all_of(connection, ALL, journal.dataset) == before


def test_few_among_many_are_looked_up(connection: Connection, journal: Journal) -> None:
    """Where all that was written was there before, what is read grows with the rows that changed alone."""
    came = query(*((f"A{nth}", nth, "new") for nth in range(100, 150)), by=NEW)
    assert upsert(connection, journal, 2, came) == (0, 50)
    before = read(connection, journal)
    assert reversed_(connection, journal, few=True, written=50).back == 50
    assert read(connection, journal) - before <= 200


def test_a_row_whose_entry_went_is_taken_out(connection: Connection, journal: Journal) -> None:
    """The import that it came with is undone: it had been changed, and yet there is nothing to come back."""
    assert upsert(connection, journal, 2, query(("A7", 7, "new"), ("A8", 8, "new"), by=NEW)) == (0, 2)
    all_of(connection, "DELETE FROM {} WHERE a = 'A7' RETURNING 1", journal.table)
    done = reversed_(connection, journal, few=True, written=2)
    assert (done.out, done.back) == (2, 1)
    assert all_of(connection, "SELECT count(*) FROM {}", journal.dataset) == [(MANY + 1,)]


@pytest.mark.parametrize(
    ("definition", "filled"),
    [({}, 50), ({"key": []}, 100), ({"room_for_changes": False}, 100), ({"room_for_changes": True}, 50)],
)
def test_pages_are_filled_as_the_profile_says(connection: Connection, definition: dict[str, Any], filled: int) -> None:
    """Half, where there is a key by which rows can be changed and nothing else is said."""
    assert fillfactor(connection, f"u_{uuid4().hex[:12]}", definition) == filled


def test_a_profile_may_think_otherwise_later(connection: Connection) -> None:
    """What comes from then on lies as it says; a worker of a version before says nothing, and that is yes."""
    name = f"u_{uuid4().hex[:12]}"
    said: tuple[dict[str, Any], ...] = ({}, {"room_for_changes": False}, {"room_for_changes": True}, {})
    assert [fillfactor(connection, name, one) for one in said] == [50, 100, 50, 50]


def fillfactor(connection: Connection, name: str, definition: dict[str, Any]) -> int:
    """Of the dataset, after an import by such a profile."""
    values = {"name": name, "d": json.dumps(json.loads(DEFINITION) | definition)}
    connection.execute(text("SELECT wharf.ensure_dataset(:name, cast(:d AS jsonb))"), values)
    query = text("SELECT reloptions[1] FROM pg_class WHERE relname = :name")
    return int(connection.execute(query, {"name": name}).scalar_one().removeprefix("fillfactor="))


def test_a_replacing_row_has_nothing_of_a_column_that_its_profile_lost(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """The dataset has the column still, and an undo brings its cells back."""
    name = f"p_{uuid4().hex[:12]}"

    def imported(head: str, line: str, **fields: str) -> str:
        declared = {"name": name, "title": "X", "key": ["id"], "columns": [{"name": c} for c in head.split(",")]}
        wharf.api.put(f"/api/v1/profiles/{name}", json=declared).raise_for_status()
        return load(wharf, tmp_path, project, line, head=head, profile=name, **fields)

    def found() -> list[dict[str, Any]]:
        return rows(wharf, project, name, "id, a, b, properties")

    imported("id,a,b", "1,x,y")
    before = found()
    replacing = imported("id,a", "1,z", mode="replace")
    assert found() == [{"id": "1", "a": "z", "b": None, "properties": None}]
    undo(wharf, replacing)
    assert found() == before


def test_a_dataset_does_not_grow_by_changes(wharf: Trial, tmp_path: Path) -> None:
    """A page has room for each of its rows once more, and what they took is free for the next change, or the undo."""
    with wharf.as_new_tenant() as tenant:

        def imported(store: str) -> str:
            return load(tenant, tmp_path, "p", *(f"T{nth},1,{store}" for nth in range(3_000)))

        imported("Graz")
        loaded = size(tenant)
        for store in ("Turku", "Porto"):
            imported(store)
        for store in ("Basel", "Varna"):
            undo(tenant, imported(store))
        assert {row["store"] for row in rows(tenant, "p")} == {"Porto"}
        assert size(tenant) <= loaded * 1.1


def size(wharf: Trial) -> int:
    """Bytes of the dataset of transactions, its index too."""
    table = wharf.dataset("transactions")
    return int(wharf.one(f"SELECT pg_relation_size('{table}') + pg_indexes_size('{table}')"))
