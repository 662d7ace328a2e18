"""What a backup counts is what it dumps: tables change before its snapshot, or not until its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from wharf.common.clock import new_id
from wharf.common.errors import Cancelled, Transient
from wharf.common.runtime.heartbeat import Pulse
from wharf.scheduler.backups.connection import connected
from wharf.scheduler.backups.moment import moment

WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = '{}.sales'::regclass"
HELD = """
    SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = %s AND c.relnamespace = '{}'::regnamespace"""


@pytest.fixture
def month(ledger, data) -> str:
    """A partition."""
    ledger.ask(f"SET ROLE wharf_owner; CREATE TABLE {data}.months (n int) PARTITION BY LIST (n)")
    ledger.ask(f"CREATE TABLE {data}.month PARTITION OF {data}.months FOR VALUES IN (1); RESET ROLE")
    return f"{data}.month"


def once(act: Callable[[], object]) -> Callable[[], None]:
    """At the first call, and never again."""
    acts = [act]

    def call() -> None:
        if acts:
            acts.pop()()

    return call


def test_what_changes_as_it_begins_is_in_it_as_it_became(ledger, make, try_out, data, month, rows):
    """A new column, a month that is dropped, after the tables were listed: the trial finds what was counted."""

    def change() -> None:
        ledger.ask(f"ALTER TABLE {data}.sales ADD more int DEFAULT 7")
        ledger.ask(f"DROP TABLE {month}")

    made = make(check=once(change))
    assert (data, "month") not in rows(made)
    try_out(made)


def test_nothing_changes_while_it_is_made(ledger, make, try_out, has_begun, data, month):
    """From its snapshot on, also in tables that it has not come to yet."""
    refused = []

    def change() -> None:
        for command in (f"ALTER TABLE {data}.sales ADD more int DEFAULT 7", f"DROP TABLE {month}"):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                ledger.ask(f"SET LOCAL lock_timeout = '1ms'; {command}")
            refused.append(command)

    made = make(check=lambda: has_begun() and change())
    assert len(refused) > len(made.manifest.tables)
    try_out(made)


def test_without_a_quiet_moment_it_is_tried_again(ledger, make, data):
    """Rather than never; nothing is locked then."""

    def another() -> None:
        ledger.ask(f"SET ROLE wharf_owner; CREATE TABLE {data}.x{uuid4().hex} (n int); RESET ROLE")

    with pytest.raises(Transient) as restless:
        make(check=another)
    assert restless.value.error_code == "tables_change"
    ledger.ask(f"ALTER TABLE {data}.sales ADD more int")


def test_only_tables_stay_locked(backend, ledger, freely, data):
    """Not their indexes: the server has room for some thousands of locks in all."""
    with connected(backend.backup_url) as connection, moment(connection, freely()):
        held = ledger.ask(HELD.format(data), connection.info.backend_pid)
    assert [row["relname"] for row in held] == ["sales"]


def test_a_cancel_ends_what_it_waits_for(backend, ledger, make, data):
    """A query, or another one's lock: nobody has to wait for its end."""
    pulse = Pulse(new_id(), 1, "w", 20.0)

    def cancel() -> None:
        while not ledger.ask(WAITING.format(data)):
            pass
        pulse.cancelled.set()
        pulse.interrupt()

    with psycopg.connect(backend.owner_url) as other:
        other.execute(f"LOCK TABLE {data}.sales".encode())
        canceller = threading.Thread(target=cancel, daemon=True)
        canceller.start()
        with pytest.raises(Cancelled):
            make(guard=pulse.guarding)
        canceller.join()
