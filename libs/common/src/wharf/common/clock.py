"""The one clock and the one maker of ids."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from uuid import UUID

__all__ = ["first_id", "new_id", "now"]


def now() -> datetime:
    """The time, aware, in UTC. What must agree between machines uses the database's clock instead."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ids of later things sort later, to the millisecond."""
    millis = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = (millis & ((1 << 48) - 1)) << 80 | tail
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def first_id(moment: datetime) -> UUID:
    """Sorts before every id that was made at that time or later. A moment before 1970 is that of the first one."""
    millis = max(int(moment.timestamp() * 1000), 0)
    return UUID(int=(millis & ((1 << 48) - 1)) << 80)
