from __future__ import annotations

import errno
import socket
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from kombu.exceptions import OperationalError as BrokerError
from obstore.exceptions import GenericError
from psycopg import errors
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wharf.common.errors import Invalid, Permanent
from wharf.common.jobs.kinds import ECHO
from wharf.common.ledger.database import driver_url
from wharf.common.runtime.retries import classify
from wharf.common.runtime.transients import RULES, Rule

FULL = "Unable to write data to file /x: No space left on device (os error 28)"
CODES = {
    "deadlock": errors.DeadlockDetected(),
    "serialization_failure": errors.SerializationFailure(),
    "lock_timeout": errors.LockNotAvailable(),
    "database_full": errors.DiskFull(),
    "database_overloaded": errors.TooManyConnections(),
    "database_unavailable": errors.AdminShutdown(),
    "storage_full": OSError(errno.ENOSPC, "No space left on device"),
    "broker_unavailable": RedisConnectionError(),
    "storage_unavailable": GenericError("503 Slow Down"),
    "out_of_memory": MemoryError(),
}
OTHERS = {
    "database_unavailable": [
        errors.ConnectionFailure(),
        errors.CrashShutdown(),
        errors.CannotConnectNow(),
        PoolTimeout(),
    ],
    "database_overloaded": [errors.OutOfMemory()],
    "storage_full": [GenericError(FULL), OSError(errno.EDQUOT, "Disk quota exceeded")],
    "storage_unavailable": [TimeoutError(), ConnectionResetError(), socket.gaierror()],
    "broker_unavailable": [BrokerError()],
    "unexpected": [errors.UniqueViolation(), errors.UndefinedTable(), errors.NumericValueOutOfRange(), KeyError("x")],
}


def wrapped(error: BaseException) -> Exception:
    """As SQLAlchemy raises it."""
    return DBAPIError.instance("SELECT 1", None, error, psycopg.Error)


def test_every_rule_is_tried() -> None:
    """The errors below are one for each row of the table, in its order."""
    assert list(CODES) == [rule.code for rule in RULES]


@pytest.mark.parametrize(("code", "error"), CODES.items())
def test_each_documented_error_has_its_code(code: str, error: Exception) -> None:
    """Retryable, by its own code, and without the foreign error's text."""
    found = classify(error)
    assert (found.error_code, found.retryable) == (code, True)
    assert str(error) == "" or str(error) not in found.message


@pytest.mark.parametrize(("code", "error"), [(code, error) for code, group in OTHERS.items() for error in group])
def test_relatives_fall_under_the_same_code(code: str, error: Exception) -> None:
    """Whole classes of SQLSTATE and of system errors; what nobody classified is unexpected, and tried again too."""
    assert (classify(error).error_code, classify(error).retryable) == (code, True)


def test_an_error_that_came_through_sqlalchemy_is_the_same() -> None:
    """The driver's error counts, whoever raised it."""
    assert classify(wrapped(errors.DeadlockDetected())).error_code == "deadlock"
    assert classify(wrapped(errors.UniqueViolation())).error_code == "unexpected"


def test_a_database_that_is_not_there_is_unavailable() -> None:
    """A refused connection has no SQLSTATE."""
    engine = create_engine(driver_url("postgresql://nobody@127.0.0.1:1/none"), connect_args={"connect_timeout": 2})
    with pytest.raises(DBAPIError) as refused:
        engine.connect()
    assert classify(refused.value).error_code == "database_unavailable"


@pytest.mark.parametrize("error", [Permanent("no use"), Invalid("not a file")])
def test_our_own_errors_stay_what_they_are(error: Exception) -> None:
    """They are final, and no table changes that."""
    assert classify(error) is error


def test_a_kind_has_rules_of_its_own() -> None:
    """They come before those of all."""
    busy = Rule("printer_busy", "a blocked process", "The printer is busy.", lambda e: isinstance(e, BlockingIOError))
    kind = replace(ECHO, also_transient=(busy,))
    assert classify(BlockingIOError(), kind).error_code == "printer_busy"
    assert classify(BlockingIOError(), ECHO).error_code == "storage_unavailable"


def test_a_full_disk_is_told_as_one(tmp_path: Path) -> None:
    """What the system says of a device without room."""
    if not Path("/dev/full").exists():
        pytest.skip("only where there is a device that is always full")
    with pytest.raises(OSError, match="No space") as full, Path("/dev/full").open("wb", buffering=0) as device:
        device.write(b"x")
    assert classify(full.value).error_code == "storage_full"
