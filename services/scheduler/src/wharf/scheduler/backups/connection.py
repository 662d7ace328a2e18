"""The connections of a backup: how they show values, what ends their queries, and that one is at work at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import psycopg

from wharf.common.errors import Permanent, Transient
from wharf.common.ledger.database import KEEPALIVES, SERVER_KEEPALIVES

Connection = psycopg.Connection[Any]
Guard = Callable[[Connection], AbstractContextManager[object]]
"""While it lasts, whatever stops the work interrupts that connection's query."""
# The same text for the same value on every server, whatever it is set to; and one process, since imports go first.
SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "max_parallel_workers_per_gather": "0",
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "0",
    **SERVER_KEEPALIVES,
}
LOCK = 0x57A4E
SEES_ALL = "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
AT_WORK = "SELECT pg_try_advisory_lock(%s)"
LET_GO = "SELECT pg_advisory_unlock_all()"


@contextmanager
def connected(url: str, guard: Guard = nullcontext) -> Iterator[Connection]:
    """A connection of its own, each statement its own transaction until one begins one.

    Raises `Permanent` (`backups_need_bypassrls`) where it does not see all rows.
    """
    more = {"application_name": "wharf-backup", "connect_timeout": 10, **KEEPALIVES}
    with psycopg.connect(url, autocommit=True, **more) as connection, guard(connection):
        _settle(connection)
        _refuse_blind(connection)
        try:
            yield connection
        finally:
            _let_go(connection)


def claim(connection: Connection) -> None:
    """Be the one that makes or tries a backup of this database, until the connection ends.

    Raises `Transient` (`backup_at_work`) where another one is.
    """
    ((claimed,),) = connection.execute(AT_WORK, [LOCK])
    if not claimed:
        message = "Another backup, or a trial of one, is at work. Wharf tries again when it may be over."
        raise Transient(message, code="backup_at_work")


def _let_go(connection: Connection) -> None:
    """Of the claim, at once: the server sees only later that a connection has ended, and would refuse the next one."""
    with suppress(psycopg.Error):  # broken: then its end lets go
        connection.execute(LET_GO)


def _refuse_blind(connection: Connection) -> None:
    ((login, sees_all),) = connection.execute(SEES_ALL)
    if not sees_all:
        message = (
            f"On this server {login} may not bypass row security, and would not see all rows. Use the snapshots of who "
            f"runs the server, or let a superuser say ALTER ROLE {login} BYPASSRLS."
        )
        raise Permanent(message, code="backups_need_bypassrls")


def _settle(connection: Connection) -> None:
    for name, value in SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
