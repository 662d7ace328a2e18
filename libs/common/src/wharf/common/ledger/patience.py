"""Asking the ledger again while it is away for a moment: a restart of the server is no reason to lose a turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wharf.common.logs import get_logger

T = TypeVar("T")
AWAY = (DBAPIError, PoolTimeout, psycopg.Error)
"""What is raised when the ledger does not answer, by SQLAlchemy or by the driver itself."""
AWAY_CLASSES = frozenset({"08", "53", "57", "40", "55"})
"""SQLSTATE: connection, resources, operator's intervention, rolled back, not available now."""
PAUSES = (0.2, 0.4, 0.8, 1.6, 3.0, 3.0)
"""Seconds between tries: less than a lease together, after which somebody else is in charge anyway."""


def is_away(error: Exception) -> bool:
    """Whether the server was not reached, went away or gave up waiting; anything else is an answer."""
    if isinstance(error, PoolTimeout) or getattr(error, "connection_invalidated", False):
        return True
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state is None or state[:2] in AWAY_CLASSES


def patiently(action: Callable[[], T], what: str) -> T:
    """What `action` gives, tried again after `PAUSES`; raises the last error. The action must bear being repeated."""
    for pause in PAUSES:
        try:
            return action()
        except AWAY as error:
            if not is_away(error):
                raise
            get_logger().warning("ledger.unheard", what=what, error=type(error).__name__, again_in=pause)
            time.sleep(pause)
    return action()
