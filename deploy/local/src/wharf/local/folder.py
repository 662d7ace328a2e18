"""The data folder of a stack: where everything lies in it, and which process may use it now."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wharf.local.failure import FolderInUse, StartFailed
from wharf.local.private import make_private_folder

HAND_OVER_SECONDS = 60.0
"""How long a start waits for the watchdog of a killed stack to end the processes that it left."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The layout below `root` (an absolute path)."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> DataFolder:
        """The layout below `path`, which may be relative and need not exist."""
        return cls(Path(os.path.abspath(path.expanduser())))  # noqa: PTH100 - keeps symlinks that people chose

    @property
    def logs(self) -> Path:
        """One file for each child: its stdout and stderr."""
        return self.root / "logs"

    @property
    def objects(self) -> Path:
        """The object storage."""
        return self.root / "objects"

    @property
    def run(self) -> Path:
        """What is worthless after a stop: heartbeats and the workers' metric files."""
        return self.root / "run"

    @property
    def redis(self) -> Path:
        """The Redis server's append-only files and configuration."""
        return self.root / "redis"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's folder, or a symlink to it where its user cannot reach this one (see `residence`)."""
        return self.root / "postgres"

    @property
    def connection(self) -> Path:
        """The running stack's addresses, keys and processes; there while it runs."""
        return self.root / "connection.json"

    @property
    def secrets(self) -> Path:
        """The passwords and keys, made once."""
        return self.root / "secrets.json"

    @property
    def ports(self) -> Path:
        """The ports of the last run."""
        return self.root / "ports.json"

    @property
    def lock(self) -> Path:
        """The file whose lock is the right to run on this folder."""
        return self.root / "lock"

    def create(self) -> None:
        """Make what is missing; a folder that exists keeps its mode.

        As root the new folder may be passed through by others (0711), because PostgreSQL's user has to.
        """
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            make_private_folder(self.root, 0o711 if os.geteuid() == 0 else 0o700)
            for folder in (self.logs, self.objects, self.run, self.redis):
                make_private_folder(folder)
        except OSError as error:
            message = (
                f"The data folder {self.root} cannot be made or used: {error.strerror}. Choose another --data-dir."
            )
            raise StartFailed(message, code="data_folder") from error


class FolderLock:
    """The right to run on a data folder, held as a lock on its `lock` file.

    The watchdog inherits `descriptor`, so that the right ends only when nothing of a killed stack runs any more.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def take(cls, folder: DataFolder) -> FolderLock:
        """Take the lock or raise `FolderInUse`; waits for the remains of a killed stack to end."""
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, folder)
        except BaseException:
            os.close(descriptor)
            raise
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the right back."""
        os.close(self.descriptor)


def _lock(descriptor: int, folder: DataFolder) -> None:
    deadline = time.monotonic() + HAND_OVER_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode() or "unknown"
            if _runs(holder) or time.monotonic() > deadline:
                message = (
                    f"{folder.root} is in use by another running stack (process {holder}). "
                    "Stop that one first, or choose another folder with --data-dir."
                )
                raise FolderInUse(message) from None
            time.sleep(0.1)
        else:
            return


def _runs(pid: str) -> bool:
    with suppress(ValueError, ProcessLookupError):
        try:
            os.kill(int(pid), 0)
        except PermissionError:
            return True
        return True
    return False
