"""`wharf backup restore`: a backup back into a database, while nothing of Wharf runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from wharf.scheduler.backups.command import restore


@pytest.fixture
def database(backend, ledger) -> Iterator[str]:
    """The address of a new, empty database."""
    name = f"restored_{uuid4().hex[:12]}"
    ledger.ask(f"CREATE DATABASE {name}")
    yield backend.owner_url.rsplit("/", 1)[0] + f"/{name}"
    ledger.ask(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def command(backups, database, monkeypatch, tmp_path, capsys) -> Callable[..., str]:
    """`wharf backup restore` into that database; what it says, also where it fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHARF_STORAGE_URL", (tmp_path / "objects").as_uri())
    monkeypatch.setenv("WHARF_DATABASE_URL", database)

    def run(*arguments: str, **options: Any) -> str:
        said = ""
        try:
            restore(*arguments, **options)
        except SystemExit as failed:
            said = str(failed.code)
        return capsys.readouterr().out + said

    return run


def ask(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        done = connection.execute(query.encode())
        return done.fetchall() if done.description else []


def test_it_is_restored_into_an_empty_database(backend, make, command, database, data, rows):
    """All rows, owned and protected as they were; a backup of the result is made, and holds the same."""
    made = make()
    said = command("latest")
    assert f"{data}: 1 tables, 500 rows" in said
    assert "Next: wharf migrate" in said
    assert ask(database, f"SELECT count(*), max(said) FROM {data}.sales") == [(500, "Zoë 99")]
    protected = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
    grants = "SELECT grantee, privilege_type, table_name FROM information_schema.role_table_grants ORDER BY 1, 2, 3"
    policies = "SELECT schemaname, tablename, policyname, roles::text, qual FROM pg_policies ORDER BY 1, 2, 3"
    for query in (protected, grants, policies):
        # The staging table is the only one that is left out.
        expected = [row for row in ask(backend.owner_url, query) if "staging_x" not in row]
        assert ask(database, query) == expected
    as_backup = backend.backup_url.rsplit("/", 1)[0] + "/" + database.rsplit("/", 1)[1]
    ask(database, "SET ROLE wharf_owner; CREATE TABLE wharf.made_later (n int)")
    again = make(url=as_backup)
    assert rows(again) == rows(made) | {("wharf", "made_later"): 0}


def test_a_database_with_something_in_it_is_refused_unless_told(backend, make, command, database, data):
    """Then only what Wharf has in it is dropped; nothing at all while its services are there."""
    make()
    ask(database, "CREATE SCHEMA theirs; CREATE TABLE theirs.own (n int)")
    said = command("latest")
    assert "is not empty: it has the schemas theirs. Name an empty one" in said
    assert "checksum" not in said
    assert "counted and compared" in command("latest", replace=True)
    ask(database, f"DELETE FROM {data}.sales")
    as_app = backend.app_url.rsplit("/", 1)[0] + "/" + database.rsplit("/", 1)[1]
    with psycopg.connect(as_app):
        assert "(wharf_app). Stop them first." in command("latest", replace=True)
    assert "counted and compared" in command("latest", replace=True, jobs=2)
    assert ask(database, f"SELECT count(*), to_regclass('theirs.own')::text FROM {data}.sales") == [(500, "theirs.own")]


def test_a_damaged_backup_touches_no_database(backups, make, command, database, data):
    """The checksum comes first, also where something would be replaced."""
    made = make()
    command("latest")
    backups.storage.put(made.manifest.key, b"x" * made.manifest.bytes)
    assert "is damaged" in command("latest", replace=True)
    assert ask(database, f"SELECT count(*) FROM {data}.sales") == [(500,)]


def test_the_command_lists_and_names_what_there_is_not(make, command, backups):
    """While nothing of Wharf runs: the storage alone knows."""
    assert "no backup in this object storage" in command("list")
    made = make()
    assert f"{made.id}  {made.manifest.created_at:%Y-%m-%d %H:%M:%S}Z" in command("list")
    assert "There is no backup" in command(str(uuid4()))
    assert "'yesterday' is no backup's id" in command("yesterday")
