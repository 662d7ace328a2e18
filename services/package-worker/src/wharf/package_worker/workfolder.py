"""A package's folder for what it reads and draws: gone with the package, after a kill with the next one.

In a container such folders take memory (`/tmp` is a tmpfs), so what an OOM kill leaves would bring the next one nearer.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PREFIX = "wharf-package-"


@contextmanager
def work_folder() -> Iterator[Path]:
    """A new empty folder below the system's temporary one. The lock on it ends with the process, however it ends."""
    _sweep(Path(tempfile.gettempdir()))
    with ExitStack() as held:
        folder = _make(held)
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _make(held: ExitStack) -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        # Where folders cannot be locked nobody sweeps them either.
        with suppress(OSError):
            _lock(folder, held, fcntl.LOCK_EX)
        # Another process may have swept it between its making and its lock.
        if folder.exists():
            return folder


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        # Locked: its process lives. Not to be opened: gone meanwhile, or somebody else's.
        with suppress(OSError), ExitStack() as held:
            _lock(folder, held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path, held: ExitStack, how: int) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    held.callback(os.close, handle)
    fcntl.flock(handle, how)
