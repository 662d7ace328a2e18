"""Connections to a ledger that hangs, restarts, or refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from wharf.common.ledger import database as databases
from wharf.common.ledger.database import Database
from wharf.common.ledger.patience import is_away, patiently

KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
BACKEND = "SELECT pg_backend_pid() AS pid"


@pytest.fixture
def open_database(backend) -> Iterator[Callable[..., Database]]:
    """Pools of one connection."""
    with ExitStack() as stack:

        def make(answer_within: float | None = None) -> Database:
            database = Database.connect(backend.app_url, pool=1, application="test", answer_within=answer_within)
            stack.callback(database.close)
            return database

        yield make


def pid(database: Database) -> int:
    with database.anyone() as connection:
        return int(connection.execute(text(BACKEND)).scalar_one())


def test_a_server_that_does_not_answer_counts_as_gone(open_database):
    """The statement ends with an error, and the next one has a new connection."""
    database = open_database(answer_within=0.3)
    before = pid(database)
    with pytest.raises(OperationalError) as raised, database.anyone() as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    assert raised.value.connection_invalidated
    assert is_away(raised.value)
    assert pid(database) != before


def test_the_server_looks_whether_a_machine_is_there(open_database):
    """Else it would keep what one that is gone had locked for as long as its system waits: two hours."""
    with open_database().anyone() as connection:
        said = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in KEEPALIVE}
    assert said == KEEPALIVE


def test_after_a_restart_of_the_server_nobody_fails(open_database, ledger, monkeypatch):
    """A connection that has rested is asked whether it lives before it is lent again."""
    monkeypatch.setattr(databases, "REST_SECONDS", 0.0)
    database = open_database()
    before = pid(database)
    ledger.ask("SELECT pg_terminate_backend(%s)", before)
    assert pid(database) != before


def test_a_broken_direct_connection_is_not_lent_again(open_database, ledger):
    """The driver's own error comes as SQLAlchemy's, and the pool makes another connection."""
    database = open_database()

    def broken() -> None:
        with database.direct() as cursor:
            row = cursor.execute(BACKEND).fetchone()
            ledger.ask("SELECT pg_terminate_backend(%s)", row["pid"])
            cursor.execute("SELECT 1")

    with pytest.raises(DBAPIError) as raised:
        broken()
    assert is_away(raised.value)
    with database.direct() as cursor:
        assert cursor.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_a_direct_statement_is_its_own_transaction(open_database, ledger, tenant):
    """What it did stays although the next one fails; and the connection goes back fit for transactions."""
    database = open_database()

    def half() -> None:
        with database.direct() as cursor:
            cursor.execute("SELECT wharf.pause('package', %s)", [tenant.id])
            cursor.execute("SELECT 1/0")

    def rolled_back() -> None:
        with database.anyone() as connection:
            connection.execute(text("SELECT wharf.resume('package', :tenant)"), {"tenant": tenant.id})
            raise ZeroDivisionError

    with pytest.raises(DBAPIError):
        half()
    assert ledger.ask("SELECT queue FROM wharf.pauses WHERE tenant_id = %s", tenant.id) == [{"queue": "package"}]
    with pytest.raises(ZeroDivisionError):
        rolled_back()
    assert ledger.ask("SELECT queue FROM wharf.pauses WHERE tenant_id = %s", tenant.id) == [{"queue": "package"}]


def test_only_a_ledger_that_is_away_is_asked_again(open_database):
    """An answer is an answer, be it an error: a statement that cannot be is not repeated for seconds."""
    tries = []

    def wrong() -> None:
        tries.append(1)
        with open_database().direct() as cursor:
            cursor.execute("SELECT 'first'::bigint")

    with pytest.raises(DBAPIError):
        patiently(wrong, "test")
    assert len(tries) == 1


def test_a_moment_without_the_ledger_is_waited_out(open_database, ledger):
    """The second try comes through."""
    database = open_database()
    tries = []

    def claim() -> int:
        tries.append(1)
        with database.direct() as cursor:
            row = cursor.execute(BACKEND).fetchone()
            if len(tries) == 1:
                ledger.ask("SELECT pg_terminate_backend(%s)", row["pid"])
            cursor.execute("SELECT 1")
        return len(tries)

    assert patiently(claim, "test") == 2
