"""The object storage alone says which backups there are: whole ones, newest first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from wharf.common.backups import Backups, Manifest, Verification, archive_key
from wharf.common.clock import new_id
from wharf.common.errors import NotFound, Permanent, Transient
from wharf.common.settings import BackupStorageSettings

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
ARCHIVE = b"archive"


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    """An empty storage of backups, apart from the one of files."""
    files, kept = tmp_path / "files", tmp_path / "backups"
    return Backups.open(BackupStorageSettings(storage_url=files.as_uri(), backup_storage_url=kept.as_uri()))


def stored(backups: Backups, **fields: Any) -> Manifest:
    """A backup that is there, whole."""
    backup_id = new_id()
    usual = {"id": backup_id, "created_at": AT, "seconds": 1.0, "key": archive_key(backup_id, 1), "bytes": len(ARCHIVE)}
    about = {"sha256": "ab", "compression": "1", "server_version": "18.4", "revision": "0012", "tables": ()}
    manifest = Manifest(**usual | about | fields)
    backups.storage.put(manifest.key, ARCHIVE)
    backups.add(manifest)
    return manifest


def test_what_has_no_manifest_is_no_backup(backups: Backups, tmp_path: Path) -> None:
    """Nor what has one that nobody can read; the others are listed, newest first, and found."""
    old, new = stored(backups), stored(backups, created_at=AT + timedelta(days=1))
    backups.storage.put(archive_key(new_id(), 1), b"half of it")
    backups.storage.put(f"backups/{new_id()}/manifest.json", b'{"version": 2}')
    assert [one.manifest for one in backups.all()] == [new, old]
    assert (backups.find(None).manifest, backups.find(old.id).manifest) == (new, old)
    with pytest.raises(NotFound, match="no backup"):
        backups.find(new_id())
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_it_keeps_how_it_was_last_restored_on_trial(backups: Backups) -> None:
    """A trial that failed is told, and counts as none."""
    backup = backups.find(stored(backups).id)
    assert (backup.verification, backup.verified) == (None, False)
    for passed in (False, True):
        backups.note(backup, Verification(at=AT, passed=passed, seconds=1.0, problem=None if passed else "damaged"))
        assert backups.find(backup.id).verified is passed


def test_one_that_is_removed_is_gone_whole(backups: Backups, tmp_path: Path) -> None:
    """With its trial and its bytes; the other one stays."""
    kept, gone = stored(backups), stored(backups)
    backup = backups.find(gone.id)
    backups.note(backup, Verification(at=AT, passed=True, seconds=1.0))
    backups.remove(backup)
    assert [one.id for one in backups.all()] == [kept.id]
    assert [path for path in (tmp_path / "backups").rglob("*") if path.is_file() and str(gone.id) in str(path)] == []
    assert backups.archive(backups.find(kept.id)).read(0, 100) == ARCHIVE


def test_an_archive_that_is_gone_or_shorter_is_told(backups: Backups) -> None:
    """Before anybody begins to restore it."""
    shorter, gone = stored(backups, bytes=len(ARCHIVE) + 1), stored(backups)
    backups.storage.delete(gone.key)
    for manifest, why in ((shorter, "7 bytes instead of 8"), (gone, "is gone")):
        with pytest.raises(Permanent, match=why) as damaged:
            backups.archive(backups.find(manifest.id))
        assert damaged.value.error_code == "backup_damaged"


@pytest.fixture
def left(tmp_path: Path) -> Callable[..., Path]:
    """Put a file among the backups, as old as said; gives its path."""

    def put(key: str, *, days: float = 3, data: bytes = b"x") -> Path:
        path = tmp_path / "backups" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written = time.time() - timedelta(days=days).total_seconds()
        os.utime(path, (written, written))
        return path

    return put


def test_what_never_became_a_backup_goes_after_days(backups: Backups, left: Callable[..., Path]) -> None:
    """Archives without a manifest, a trial without its backup, and what a killed writer left; nothing young."""
    gone = [left(f"backups/{new_id()}/{name}") for name in ("1.dump", "2.dump#1", "verification.json")]
    young = left(archive_key(new_id(), 3), days=0)
    assert backups.sweep(backups.all()) == 3
    assert [path.exists() for path in (*gone, young)] == [False, False, False, True]


def test_beside_a_backup_only_other_attempts_archives_go(backups: Backups, left: Callable[..., Path]) -> None:
    """What was written by an attempt that lost its job; the backup's own archive stays, however old it is."""
    kept = stored(backups)
    own, other = left(kept.key, data=ARCHIVE), left(archive_key(kept.id, 2))
    assert backups.sweep(backups.all()) == 1
    assert (own.exists(), other.exists()) == (True, False)
    assert backups.archive(backups.find(kept.id)).size == len(ARCHIVE)


@pytest.mark.parametrize("manifest", [b'{"version": 2}', b"not JSON"])
def test_a_backup_that_cannot_be_read_loses_nothing(
    backups: Backups, left: Callable[..., Path], manifest: bytes
) -> None:
    """A later version of Wharf made it, or somebody can mend its manifest: which archive is its own is not known."""
    place = f"backups/{new_id()}"
    paths = [left(f"{place}/{name}") for name in ("1.dump", "2.dump", "verification.json")]
    paths.append(left(f"{place}/manifest.json", data=manifest))
    assert backups.sweep(backups.all()) == 0
    assert all(path.exists() for path in paths)


def test_a_trial_that_cannot_be_read_takes_no_backup_away(backups: Backups, left: Callable[..., Path]) -> None:
    """It counts as not yet tried."""
    kept = stored(backups)
    left(f"backups/{kept.id}/verification.json", data=b"{")
    assert [(one.manifest, one.verification) for one in backups.all()] == [(kept, None)]


def test_one_is_found_without_reading_the_others(backups: Backups, left: Callable[..., Path]) -> None:
    """Each manifest names all tables: of thousands of datasets it is large."""
    wanted = stored(backups)
    left(f"backups/{new_id()}/manifest.json", data=b"{")
    with capture_logs() as said:
        assert backups.find(wanted.id).manifest == wanted
    assert said == []


def test_an_object_that_comes_in_pieces_is_whole_or_not_there(backups: Backups, tmp_path: Path) -> None:
    """However late it breaks off: what the disk says becomes our own error, what a check raises stays itself."""

    def pieces(error: BaseException | None) -> Iterator[bytes]:
        yield from [b"x" * 2**20] * 70
        if error is not None:
            raise error

    full = OSError(28, "No space left on device")
    for error, kind in ((full, Transient), (NotFound("stopped"), NotFound)):
        with pytest.raises(kind):
            backups.storage.put_pieces("large", pieces(error))
        assert [path for path in (tmp_path / "backups").rglob("*") if path.is_file()] == []
    backups.storage.put_pieces("large", pieces(None))
    assert sum(map(len, backups.storage.open_file("large").pieces())) == 70 * 2**20
