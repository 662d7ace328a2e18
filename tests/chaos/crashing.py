"""The test build: `python tests/chaos/crashing.py wharf.ingest_worker ARGS…` runs the service with faults built in.

The folder `WHARF_TEST_FAULTS` steers it while it runs (see `switchboard.py`): a file `PLACE.NNN.ACT` is a token that
the first process to come by that place takes away and obeys; a file `PLACE.always.ACT` is obeyed by all until it is
removed; the file `clock` holds the seconds by which the process' clock is wrong.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from errno import EIO, ENOSPC
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # A script's own folder comes first among the places of modules: ours are not the service's.
    sys.path.pop(0)

import obstore

from wharf.common.runtime import points

FAULTS = "WHARF_TEST_FAULTS"
TAKEN = "taken"
CLOCK_SECONDS = 0.2
"""How old an answer about the clock may be."""
Act = Callable[[], None]


def kill() -> None:
    """As `kill -9`: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    """As a machine that swaps: the process stands still until somebody sends SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


def full() -> None:
    """The disk is full."""
    raise OSError(ENOSPC, os.strerror(ENOSPC))


def error() -> None:
    """The storage does not answer as it should."""
    raise OSError(EIO, os.strerror(EIO))


ACTS: dict[str, Act] = {"kill": kill, "stop": stop, "full": full, "error": error, "pass": lambda: None}


class Faults:
    """The folder of tokens, read at every place: a test changes it while the service runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shift = 0.0
        self._read_at = 0.0

    def come_by(self, place: str) -> None:
        """Obey what lies there for this place, if anything does."""
        prefix = f"{place}."
        for name in sorted(name for name in os.listdir(self._folder) if name.startswith(prefix)):  # noqa: PTH208 - cheap
            _, number, act = name.split(".")
            if number == "always" or self._take(name):
                ACTS[act]()
                return

    def _take(self, name: str) -> bool:
        """Of several processes that want a token only one can rename it."""
        try:
            (self._folder / name).rename(self._folder / TAKEN / name)
        except FileNotFoundError:
            return False
        return True

    def shift(self) -> float:
        """By how many seconds the clock is wrong now."""
        if time.monotonic() - self._read_at > CLOCK_SECONDS:
            self._read_at = time.monotonic()
            try:
                self._shift = float((self._folder / "clock").read_text("ascii") or 0)
            except (FileNotFoundError, ValueError):
                self._shift = 0.0
        return self._shift


def build_in(faults: Faults) -> None:
    """Put the faults where the service will find them, before it is imported."""
    points.hook = faults.come_by
    for name, place in (
        ("get_range", "storage_read"),
        ("head", "storage_read"),
        ("put", "storage_write"),
        ("put_async", "storage_write"),
    ):
        setattr(obstore, name, before(getattr(obstore, name), faults, place))
    real_writer = obstore.open_writer_async
    setattr(obstore, real_writer.__name__, lambda *args, **options: FaultyWriter(real_writer(*args, **options), faults))
    real_time, real_time_ns = time.time, time.time_ns
    time.time = lambda: real_time() + faults.shift()
    time.time_ns = lambda: real_time_ns() + int(faults.shift() * 1e9)


def before(function: Callable[..., Any], faults: Faults, place: str) -> Callable[..., Any]:
    """The same function, coming by a place first."""

    def called(*args: Any, **options: Any) -> Any:
        faults.come_by(place)
        return function(*args, **options)

    return called


class FaultyWriter:
    """An object on its way into the storage, coming by a place with every part and with its end."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    async def write(self, data: bytes) -> int:
        """The next bytes."""
        self._faults.come_by("storage_write")
        return int(await self._inner.write(data))

    async def close(self) -> None:
        """The end."""
        self._faults.come_by("storage_close")
        await self._inner.close()


def main() -> None:
    """Run the module that the first argument names as `python -m` would."""
    del sys.argv[0]
    build_in(Faults(Path(os.environ[FAULTS])))
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
