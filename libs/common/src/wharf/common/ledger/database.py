"""The one way to get a connection to the ledger, and the one way to name the tenant of a transaction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, text

SET_TENANT = text("SELECT set_config('wharf.tenant', :tenant, true)")


def driver_url(url: str) -> str:
    """A libpq URI as SQLAlchemy wants it: with the driver's name."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", url)


def dumps(value: object) -> str:
    """JSON for a jsonb column; UUIDs and aware times as the contract writes them."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


@dataclass(frozen=True)
class Database:
    """A pool of connections as one role."""

    engine: Engine

    @classmethod
    def connect(cls, url: str, *, pool: int, application: str) -> Database:
        """Open lazily: the first statement connects. `pool` connections stay, none beyond them."""
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
                "options": "-c timezone=UTC -c idle_in_transaction_session_timeout=120000",
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                # Statements are prepared at once: the few that poll and submit run all day.
                "prepare_threshold": 2,
            },
        )
        event.listen(engine, "handle_error", _forget_broken)
        return cls(engine)

    @contextmanager
    def tenant(self, tenant_id: UUID) -> Iterator[Connection]:
        """One transaction in which that tenant's rows exist and no others. Commits unless an error leaves it."""
        with self.engine.begin() as connection:
            connection.execute(SET_TENANT, {"tenant": str(tenant_id)})
            yield connection

    @contextmanager
    def anyone(self) -> Iterator[Connection]:
        """One transaction without a tenant: for the functions that may cross tenants, and for the dispatcher."""
        with self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back to the server."""
        self.engine.dispose()


def _forget_broken(context: object) -> None:
    """After a server restart the pool's other connections are dead too: forget them all at once."""
    if getattr(context, "is_disconnect", False):
        context.invalidate_pool_on_disconnect = True  # type: ignore[attr-defined]  # SQLAlchemy's ExceptionContext
