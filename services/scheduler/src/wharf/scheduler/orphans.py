"""Objects of uploads that no row knows, or whose row says that they are gone.

A gateway was killed between storing a file and writing its rows, or a clean-up before it deleted what it had let go.
What else is in the storage the clean-up itself looks through (`housekeeping/strays.py`): each object is judged in one
place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from wharf.common.errors import WharfError
from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger
from wharf.common.storage import Storage

T = TypeVar("T")
UPLOADS = "uploads"
BATCH = 1000
KNOWN = text("SELECT id FROM wharf.uploads WHERE id = ANY(cast(:ids AS uuid[])) AND removed_at IS NULL")


@dataclass
class Orphans:
    """Finds and deletes them, in a thread of its own: a large storage is long to list. `age` in seconds."""

    database: Database
    storage: Storage
    age: float
    _running: threading.Thread | None = field(default=None, init=False)

    def look(self) -> None:
        """Begin a round, unless one is under way."""
        if self._running is None or not self._running.is_alive():
            self._running = threading.Thread(target=self._round, name="orphans", daemon=True)
            self._running.start()

    def sweep(self) -> int:
        """One round; says how many objects and unfinished files it deleted. Nothing younger than `age` is touched."""
        before = self.storage.now() - timedelta(seconds=self.age)
        unfinished = [path for path in self.storage.unfinished(UPLOADS) if _written_at(path) < before]
        for path in unfinished:
            with suppress(FileNotFoundError):
                path.unlink()
        return len(unfinished) + sum(self._delete_unknown(keys) for keys in batches(self._old(before)))

    def _old(self, before: datetime) -> Iterator[str]:
        return (found.key for found in self.storage.list(UPLOADS) if found.written_at < before)

    def _delete_unknown(self, keys: tuple[str, ...]) -> int:
        # Asked after the listing: rows that came in between are seen.
        ids = {key: found for key in keys if (found := _upload_of(key))}
        with self.database.anyone() as connection:
            known = set(connection.execute(KNOWN, {"ids": list(ids.values())}).scalars())
        unknown = [key for key, upload_id in ids.items() if upload_id not in known]
        for key in unknown:
            self.storage.delete(key)
        return len(unknown)

    def _round(self) -> None:
        try:
            deleted = self.sweep()
        except (WharfError, DBAPIError, OSError) as error:
            get_logger().warning("orphans.not_swept", error=type(error).__name__)
        else:
            if deleted:
                get_logger().info("orphans.deleted", objects=deleted)


def batches(found: Iterator[T]) -> Iterator[tuple[T, ...]]:
    """As many at a time as are looked up at once."""
    while batch := tuple(islice(found, BATCH)):
        yield batch


def _upload_of(key: str) -> UUID | None:
    """The upload that a key was made for; None for what is not ours to judge."""
    with suppress(ValueError):
        return UUID(key.rpartition("/")[2])
    return None


def _written_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.max.replace(tzinfo=UTC)
