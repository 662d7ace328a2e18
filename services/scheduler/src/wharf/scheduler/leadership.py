"""Which of several dispatchers works: the one whose connection holds an advisory lock. It also hears when to wake."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from sqlalchemy.exc import DBAPIError

from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger

LOCK = 0x57A4D
CHANNEL = "wharf_dispatch"
# The server tells it of work all the time. What is under way to a machine that is gone keeps keepalives from asking.
GONE = "SET tcp_user_timeout = '15s'"


class Leadership:
    """Held as long as its connection lives: a leader that dies, or loses the ledger, is one no more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None

    def held(self) -> bool:
        """Whether this process leads; tries to when it does not. Raises what the ledger raises when it is away."""
        if self._connection is None:
            self._connection = self._try()
        return self._connection is not None

    def wait(self, seconds: float) -> None:
        """Sleep so long, or until somebody says that there is something to do."""
        if self._connection is None:
            time.sleep(seconds)
            return
        try:
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                return
        except psycopg.Error as error:
            self.give_up(type(error).__name__)

    def give_up(self, why: str) -> None:
        """Lead no more, until the lock is got again."""
        if self._connection is not None:
            get_logger().warning("dispatcher.leads_no_more", why=why)
            self._connection.close()
            self._connection = None

    def _try(self) -> psycopg.Connection[Any] | None:
        try:
            fairy = self._database.engine.raw_connection()
        except psycopg.Error as error:
            raise DBAPIError.instance(None, None, error, psycopg.Error) from error
        connection = fairy.driver_connection
        # Not the pool's any more: a lock of the session must not be lent to somebody else.
        fairy.detach()
        if not isinstance(connection, psycopg.Connection):
            message = "the ledger's driver is psycopg"
            raise TypeError(message)
        try:
            return self._lead(connection)
        except psycopg.Error as error:
            connection.close()
            raise DBAPIError.instance(None, None, error, psycopg.Error) from error

    def _lead(self, connection: psycopg.Connection[Any]) -> psycopg.Connection[Any] | None:
        connection.autocommit = True
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if not row or not row[0]:
            connection.close()
            return None
        connection.execute(GONE)
        connection.execute(f"LISTEN {CHANNEL}".encode())
        get_logger().info("dispatcher.leads")
        return connection
