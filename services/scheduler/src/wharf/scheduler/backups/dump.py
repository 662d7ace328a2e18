"""One backup: tables counted and dumped in one snapshot, streamed into the object storage, read back, listed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import sql

from wharf.common.backups import Backup, Backups, Manifest, archive_key, damaged
from wharf.scheduler.backups.connection import Guard, claim, connected
from wharf.scheduler.backups.moment import Moment, moment
from wharf.scheduler.backups.pace import Check, Pace
from wharf.scheduler.backups.programs import Programs, child, fitting

LOCK_WAIT_MS = 60_000
"""Who changes a table may hold it: longer than that, and the job is tried again."""


@dataclass
class Meter:
    """Counts and hashes what passes, and tells how many bytes there were."""

    told: Callable[[int], None] = lambda _bytes: None
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces."""
        for piece in pieces:
            self.size += len(piece)
            self._digest.update(piece)
            self.told(self.size)
            yield piece

    @property
    def sha256(self) -> str:
        """Of what has passed, as hex."""
        return str(self._digest.hexdigest())


@dataclass(frozen=True)
class Dump:
    """What a backup is made with. `told` hears of the bytes that are stored."""

    url: str
    backups: Backups
    programs: str
    pace: Pace
    told: Callable[[int], None] = lambda _bytes: None
    guard: Guard = nullcontext

    def make(self, backup_id: UUID, attempt: int, fence: Check) -> Backup:
        """A new backup. It is listed last, after `fence` has said that this attempt still has its job."""
        started, key = time.monotonic(), archive_key(backup_id, attempt)
        with connected(self.url, self.guard) as connection:
            claim(connection)
            with moment(connection, self.pace) as at:
                programs = fitting(self.programs, at.server_major)
                compression = programs.compression
                stored = self._store(programs, compression, at, key)
            self._read_back(programs, backup_id, key, stored)
        manifest = Manifest(
            id=backup_id,
            created_at=at.at,
            seconds=round(time.monotonic() - started, 3),
            key=key,
            bytes=stored.size,
            sha256=stored.sha256,
            compression=compression,
            server_version=at.server_version,
            revision=at.revision,
            tables=at.counts,
        )
        fence()
        self.backups.add(manifest)
        return Backup(manifest)

    def _store(self, programs: Programs, compression: str, at: Moment, key: str) -> Meter:
        meter = Meter(self.told)
        with child(dump_command(programs, compression, at), self.url, self.pace) as dumping:
            # A child that fails raises in here, so nothing of it is kept.
            self.backups.storage.put_pieces(key, meter.passing(dumping.output()))
        return meter

    def _read_back(self, programs: Programs, backup_id: UUID, key: str, stored: Meter) -> None:
        """As it is in the storage now: the same bytes, and an archive that can be read to its end."""
        meter = Meter()
        file = self.backups.storage.open_file(key)
        with child([programs.path("pg_restore"), "--file=/dev/null"], "", self.pace) as reading:
            reading.take(meter.passing(file.pieces()))
        if (meter.size, meter.sha256) != (stored.size, stored.sha256):
            raise damaged(backup_id, "what was stored is not what was written")


def dump_command(programs: Programs, compression: str, at: Moment) -> list[str]:
    """One connection: an import beside it keeps the others. Only Wharf's schemas, which `wharf_backup` may read."""
    return [
        programs.path("pg_dump"),
        "--format=custom",
        f"--compress={compression}",
        f"--snapshot={at.snapshot}",
        f"--lock-wait-timeout={LOCK_WAIT_MS}",
        *(f"--schema={_quoted(place)}" for place in at.places),
        # Not even their locks: an import that ends drops its staging table, and would wait for the backup.
        *(f"--exclude-table={_quoted(place)}.{_quoted(name)}" for place, name in at.left_out),
    ]


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)
