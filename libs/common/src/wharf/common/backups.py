"""The backups that there are: the object storage alone knows them, so they are found when the ledger is lost.

Each is a folder `backups/<id>` with an archive of `pg_dump`, a manifest that was written when the archive was whole and
checked, and what became of its last restore on trial. What has no manifest is no backup, and is never listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from wharf.common.errors import NotFound, Permanent
from wharf.common.logs import get_logger
from wharf.common.settings import BackupStorageSettings
from wharf.common.storage import Listed, Storage, StoredFile

ROOT = "backups"
MANIFEST, VERIFICATION = "manifest.json", "verification.json"
PLACE = re.compile(rf"{ROOT}/(?P<id>[0-9a-f-]{{36}})/(?P<name>[^/]+)")
ABANDONED_AFTER = timedelta(days=2)
"""Longer than any backup may take."""
Folder = dict[str, Listed]
"""What there is of one backup, by name."""


class TableCount(BaseModel):
    """A table as it was at the backup's moment: its rows, and a sum over their texts."""

    model_config = ConfigDict(frozen=True)
    place: str
    """Its schema."""
    name: str
    rows: int
    digest: str


class Manifest(BaseModel):
    """What a backup is. Written once, last."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    version: Literal[1] = 1
    id: UUID
    created_at: datetime
    """The moment that its rows are of."""
    seconds: float
    key: str
    """Of the archive, in custom format."""
    bytes: int
    sha256: str
    compression: str
    server_version: str
    revision: str
    """Of the ledger's schema."""
    tables: tuple[TableCount, ...]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def server_major(self) -> int:
        """The major version of the server that it was taken from."""
        return int(self.server_version.partition(".")[0])


class Verification(BaseModel):
    """How a restore on trial ended."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    at: datetime
    passed: bool
    seconds: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """One that can be restored."""

    manifest: Manifest
    verification: Verification | None = None

    @property
    def id(self) -> UUID:
        """Also the id of the job that made it."""
        return self.manifest.id

    @property
    def verified(self) -> bool:
        """Whether it was restored on trial, and was whole."""
        return self.verification is not None and self.verification.passed


@dataclass(frozen=True)
class Backups:
    """Those of the installation."""

    storage: Storage

    @classmethod
    def open(cls, settings: BackupStorageSettings) -> Backups:
        """Where the settings say."""
        place = settings.backup_storage_url or settings.storage_url
        return cls(Storage.open(settings.model_copy(update={"storage_url": place})))

    def all(self) -> list[Backup]:
        """Newest first."""
        found = [self._read(backup_id, folder) for backup_id, folder in self._folders().items()]
        return sorted((one for one in found if one), key=lambda one: (one.manifest.created_at, one.id), reverse=True)

    def get(self, backup_id: UUID) -> Backup | None:
        """That one, if it is there; of the others nothing is read."""
        return self._read(backup_id, self._folders(f"{ROOT}/{backup_id}").get(backup_id, {}))

    def find(self, backup_id: UUID | None) -> Backup:
        """That one, or the newest. Raises `NotFound` (`backup_not_found`)."""
        found = self.get(backup_id) if backup_id else next(iter(self.all()), None)
        if found is None:
            wanted = f"There is no backup {backup_id}." if backup_id else "There is no backup yet."
            raise NotFound(f"{wanted} See those that there are: wharf backup ls", code="backup_not_found")
        return found

    def archive(self, backup: Backup) -> StoredFile:
        """Its bytes. Raises `Permanent` (`backup_damaged`) where they are gone, or not as many as there were."""
        try:
            file = self.storage.open_file(backup.manifest.key)
        except Permanent as error:
            raise damaged(backup.id, "its archive is gone") from error
        if file.size != backup.manifest.bytes:
            raise damaged(backup.id, f"its archive has {file.size:,} bytes instead of {backup.manifest.bytes:,}")
        return file

    def add(self, manifest: Manifest) -> None:
        """From now on it is one: its archive must be whole."""
        self.storage.put(f"{ROOT}/{manifest.id}/{MANIFEST}", manifest.model_dump_json().encode())

    def note(self, backup: Backup, verification: Verification) -> None:
        """Keep how its restore on trial ended."""
        self.storage.put(f"{ROOT}/{backup.id}/{VERIFICATION}", verification.model_dump_json().encode())

    def remove(self, backup: Backup) -> None:
        """First it is no backup any more, then its bytes go."""
        for key in (f"{ROOT}/{backup.id}/{MANIFEST}", f"{ROOT}/{backup.id}/{VERIFICATION}", backup.manifest.key):
            self.storage.delete(key)

    def sweep(self, known: Iterable[Backup]) -> int:
        """Delete what was left by backups that never became one; says how many objects.

        Beside a manifest only archives of other attempts are that, and only if it is of `known`: what a later version
        wrote, nobody here can judge.
        """
        before, keys = self.storage.now() - ABANDONED_AFTER, {one.id: one.manifest.key for one in known}
        left = [one for backup_id, folder in self._folders().items() for one in _left(folder, keys.get(backup_id))]
        gone = [one.key for one in left if one.written_at < before]
        for key in gone:
            self.storage.delete(key)
        unfinished = [path for path in self.storage.unfinished(ROOT) if _written_before(path, before)]
        for path in unfinished:
            path.unlink(missing_ok=True)
        return len(gone) + len(unfinished)

    def _folders(self, prefix: str = ROOT) -> dict[UUID, Folder]:
        found: dict[UUID, Folder] = {}
        for one in self.storage.list(prefix):
            if place := PLACE.fullmatch(one.key):
                found.setdefault(UUID(place["id"]), {})[place["name"]] = one
        return found

    def _read(self, backup_id: UUID, folder: Folder) -> Backup | None:
        if MANIFEST not in folder:
            return None
        try:
            manifest = Manifest.model_validate_json(self._bytes(backup_id, MANIFEST))
        except (ValidationError, Permanent) as error:
            # Of a later version, or removed a moment ago.
            get_logger().warning("backup.unreadable", backup=str(backup_id), error=type(error).__name__)
            return None
        return Backup(manifest, self._last_trial(backup_id) if VERIFICATION in folder else None)

    def _last_trial(self, backup_id: UUID) -> Verification | None:
        try:
            return Verification.model_validate_json(self._bytes(backup_id, VERIFICATION))
        except (ValidationError, Permanent) as error:
            # The backup itself is as good as it was.
            get_logger().warning("backup.trial_unreadable", backup=str(backup_id), error=type(error).__name__)
            return None

    def _bytes(self, backup_id: UUID, name: str) -> bytes:
        file = self.storage.open_file(f"{ROOT}/{backup_id}/{name}")
        return file.read(0, file.size)


def _left(folder: Folder, archive: str | None) -> Iterator[Listed]:
    """All of what has no manifest; else what is not the archive that it names, where that is known."""
    for name, one in folder.items():
        other = archive is not None and name.endswith(".dump") and one.key != archive
        if MANIFEST not in folder or other:
            yield one


def _written_before(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:
        return False


def archive_key(backup_id: UUID, attempt: int) -> str:
    """Each attempt writes an archive of its own: one that lost its lease cannot mix its bytes into another's."""
    return f"{ROOT}/{backup_id}/{attempt}.dump"


def damaged(backup_id: UUID, why: str, detail: dict[str, Any] | None = None) -> Permanent:
    """A backup that must not be restored."""
    message = f"The backup {backup_id} is damaged: {why}. Restore another one, and look after the object storage."
    return Permanent(message, code="backup_damaged", detail=detail)
