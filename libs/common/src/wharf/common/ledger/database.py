"""The one way to get a connection to the ledger, and the one way to name the tenant of a transaction."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import orjson
import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")
REST_SECONDS = 1.0
KEEPALIVES: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # Milliseconds until what was sent and never acknowledged ends the connection.
    "tcp_user_timeout": 10_000,
}
"""What libpq is told, so that a server that is gone is noticed."""
SERVER_KEEPALIVES = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""The same for the server: what a machine held that is gone, a lock or half a COPY, it would hold for two hours."""
SESSION = {"timezone": "UTC", "idle_in_transaction_session_timeout": "60000", **SERVER_KEEPALIVES}
"""What a session is set to on the server."""
SET_TENANT = "SELECT set_config('wharf.tenant', %(tenant)s, true)"


def driver_url(url: str) -> str:
    """A libpq URI as SQLAlchemy wants it: with the driver's name."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", url)


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection of a SQLAlchemy one, in the middle of its transaction."""
    return _checked(connection.connection.driver_connection)


def _checked(connection: object) -> psycopg.Connection[Any]:
    if not isinstance(connection, psycopg.Connection):
        message = "the ledger's driver is psycopg"
        raise TypeError(message)
    return connection


NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""As JSON writes it; not the six letters of a text, whose backslash is written twice."""


def dumps(value: object) -> str:
    """JSON for a jsonb column; UUIDs and aware times as the contract writes them.

    PostgreSQL has no NUL: where a message quotes one from a file, it is U+FFFD.
    """
    written = orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()
    return NUL.sub(r"\1\\ufffd", written) if "\\u0000" in written else written


@dataclass(frozen=True)
class Database:
    """A pool of connections as one role."""

    engine: Engine

    @classmethod
    def connect(cls, url: str, *, pool: int, application: str, answer_within: float | None = None) -> Database:
        """Open lazily: the first statement connects. `pool` connections stay, none beyond them.

        A server that does not answer a statement within `answer_within` seconds counts as gone.
        """
        engine = create_engine(
            driver_url(url),
            pool_size=pool,
            max_overflow=0,
            pool_timeout=10,
            pool_recycle=1800,
            # What an error says goes into a log, where no row's data belongs.
            hide_parameters=True,
            json_serializer=dumps,
            json_deserializer=orjson.loads,
            connect_args={
                "application_name": application,
                "connect_timeout": 5,
                "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
                **KEEPALIVES,
                # Statements are prepared at once: the few that poll and submit run all day.
                "prepare_threshold": 2,
            },
        )
        event.listen(engine, "handle_error", _forget_broken)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", _check_idle)
        if answer_within is not None:
            event.listen(engine, "do_connect", _with_patience(answer_within))
        return cls(engine)

    @contextmanager
    def tenant(self, tenant_id: UUID) -> Iterator[Connection]:
        """One transaction in which that tenant's rows exist and no others. Commits unless an error leaves it."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(SET_TENANT, {"tenant": str(tenant_id)})
            yield connection

    @contextmanager
    def anyone(self) -> Iterator[Connection]:
        """One transaction without a tenant: for the functions that may cross tenants, and for the dispatcher."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def direct(self) -> Iterator[psycopg.Cursor[dict[str, Any]]]:
        """The driver's own cursor, each statement its own transaction: for the few that every job runs.

        One round trip and no building of expressions. Errors are SQLAlchemy's, as everywhere.
        """
        fairy = self.engine.raw_connection()
        connection = _checked(fairy.driver_connection)
        try:
            connection.autocommit = True
            with connection.cursor(row_factory=dict_row) as cursor:
                yield cursor
            connection.autocommit = False
        except psycopg.Error as error:
            gone = connection.closed
            # Whatever state it is in: nobody gets this connection again.
            fairy.invalidate(error)
            raise OperationalError(None, None, error, connection_invalidated=gone) from error
        finally:
            fairy.close()

    def close(self) -> None:
        """Give the connections back to the server."""
        self.engine.dispose()


def _forget_broken(context: object) -> None:
    """After a server restart the pool's other connections are dead too: forget them all at once."""
    if getattr(context, "is_disconnect", False):
        context.invalidate_pool_on_disconnect = True  # type: ignore[attr-defined]  # SQLAlchemy's ExceptionContext


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _check_idle(connection: Any, record: ConnectionPoolEntry, _fairy: object) -> None:  # noqa: ANN401 - the driver's
    """Ask a connection that has rested whether it lives: after a restart of the server its first user would fail."""
    if time.monotonic() - record.info.get("used_at", time.monotonic()) < REST_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as error:
        # The pool takes another one.
        raise DisconnectionError from error


class Impatient(psycopg.Connection[Any]):
    """A connection that does not wait for ever: a network that swallows bytes would hold its thread until the end."""

    patience = 30.0

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As psycopg's, with a time-out for all; after it the connection is closed, since an answer may still come."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def _with_patience(seconds: float) -> Callable[..., Impatient]:
    class Connection(Impatient):
        patience = seconds

    def connect(_dialect: object, _record: object, arguments: list[Any], parameters: dict[str, Any]) -> Impatient:
        made: Impatient = Connection.connect(*arguments, **parameters)
        return made

    return connect
