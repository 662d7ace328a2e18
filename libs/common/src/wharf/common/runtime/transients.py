"""The foreign errors that trying again may mend: one table, which docs/operations.md lists.

What is not in it counts as transient too (`unexpected`): only our own `Permanent` and `Invalid` are final at once.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from kombu.exceptions import OperationalError as BrokerError
from obstore.exceptions import BaseError as StorageError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout


@dataclass(frozen=True)
class Rule:
    """A transient error: the job's `code`, what it is about (for the documents), the user's sentence, the test."""

    code: str
    when: str
    message: str
    matches: Callable[[BaseException], bool]


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a database error, `""` where the server could not send one, None for other errors."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return (origin.sqlstate or "") if isinstance(origin, psycopg.Error) else None


def database_says(*beginnings: str) -> Callable[[BaseException], bool]:
    """Whether the SQLSTATE begins with one of those."""
    return lambda error: (sqlstate(error) or "").startswith(beginnings)


def connection_lost(error: BaseException) -> bool:
    """Whether the database could not be reached, or went away."""
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    origin = error.orig if isinstance(error, DBAPIError) else error
    silent = isinstance(origin, psycopg.OperationalError) and not origin.sqlstate
    return silent or database_says("08", "57P0", "25P03")(error)


def disk_is_full(error: BaseException) -> bool:
    """Whether a file system or an object storage has no room; obstore tells that in its text only."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    return isinstance(error, StorageError) and "No space left on device" in str(error)


RULES = (
    Rule(
        "deadlock",
        "SQLSTATE 40P01",
        "Two jobs stood in each other's way. Wharf tries again.",
        database_says("40P01"),
    ),
    Rule(
        "serialization_failure",
        "SQLSTATE 40001",
        "Another transaction changed the same rows. Wharf tries again.",
        database_says("40001"),
    ),
    Rule(
        "lock_timeout",
        "SQLSTATE 55P03",
        "Somebody else held a lock for too long. Wharf tries again.",
        database_says("55P03"),
    ),
    Rule(
        "database_full",
        "SQLSTATE 53100",
        "The database has no room on its disk. Wharf tries again; somebody has to make room.",
        database_says("53100"),
    ),
    Rule(
        "database_overloaded",
        "SQLSTATE 53 (memory, connections, limits)",
        "The database has more to do than it can. Wharf tries again.",
        database_says("53"),
    ),
    Rule(
        "database_unavailable",
        "SQLSTATE 08, 57P01 to 57P05, 25P03; a lost connection; no connection in time",
        "The database could not be reached. Wharf tries again.",
        connection_lost,
    ),
    Rule(
        "storage_full",
        "`ENOSPC`, `EDQUOT`, also as the object storage tells it",
        "There is no room on the disk. Wharf tries again; somebody has to make room.",
        disk_is_full,
    ),
    Rule(
        "broker_unavailable",
        "errors of Redis and of the broker's connection",
        "Redis or the broker could not be reached. Wharf tries again.",
        lambda error: isinstance(error, RedisError | BrokerError),
    ),
    Rule(
        "storage_unavailable",
        "errors of the object storage, time-outs, refused and reset connections, other system errors",
        "The object storage or the network did not answer as it should. Wharf tries again.",
        lambda error: isinstance(error, StorageError | OSError),
    ),
    Rule(
        "out_of_memory",
        "`MemoryError`",
        "The worker had too little memory. Wharf tries again; give it more, or split the file.",
        lambda error: isinstance(error, MemoryError),
    ),
)
"""In this order: the first that matches gives the job's code and sentence."""
