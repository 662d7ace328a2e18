"""Ends the stack's processes when their supervisor was killed and could not do it.

A small process of its own (standard library only, run by path). It reads from a pipe which processes there are, and
when the pipe ends without a goodbye, or its parent is another one than before, it stops them in the stack's order.
Unlike the kernel's parent-death signal it works on every POSIX system, after a change of the user, for whole process
groups, and whichever thread started them. It also holds the data folder's lock until it is done.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import NamedTuple

LONGEST_GRACE = 20.0
POLL_SECONDS = 0.05


class Ward(NamedTuple):
    """A process to stop: wards of a lower `stage` go first; `grace` is in seconds."""

    stage: int
    pid: int
    stop_signal: int
    grace: float


class Watchdog:
    """The supervisor's side: keeps the watchdog process running and tells it what to watch."""

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self._wards: Sequence[Ward] = ()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, wards: Sequence[Ward]) -> None:
        """From now on these are the processes to stop when we are killed."""
        self._wards = wards
        try:
            self._tell()
        except OSError:  # it was killed itself
            self._start()
            self._tell()

    def keep_alive(self) -> None:
        """Start it again when somebody killed it."""
        if self._process is None or self._process.poll() is not None:
            self.watch(self._wards)

    def dismiss(self) -> None:
        """Let it go without stopping anything."""
        if self._process is None:
            return
        with suppress(OSError):
            self._wards = ()
            self._tell()
        self._close()

    def _start(self) -> None:
        self._close()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
            pass_fds=(self._lock,),
        )

    def _tell(self) -> None:
        if self._process is None or self._process.stdin is None:
            raise BrokenPipeError
        self._process.stdin.write(json.dumps(self._wards).encode() + b"\n")

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
            self._process.wait()
        self._process = None


def listen(parent: int) -> list[Ward]:
    """Read lists of wards from stdin until the supervisor is gone; returns the last list."""
    wards: list[Ward] = []
    rest = b""
    while os.getppid() == parent:
        if not select.select([0], [], [], 1.0)[0]:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            wards = [Ward(*values) for values in json.loads(lines[-1])]
    return wards


def end(wards: Sequence[Ward]) -> None:
    """Stop the wards stage by stage: ask, wait, kill the group."""
    for _, stage in groupby(sorted(wards), key=lambda ward: ward.stage):
        together = list(stage)
        for ward in together:
            with suppress(OSError):
                os.kill(ward.pid, ward.stop_signal)
        grace = min(LONGEST_GRACE, max(ward.grace for ward in together))
        # mypy finds no type for a lambda's default; it binds the loop's value.
        _wait(lambda alive=together: not any(_alive(w.pid) for w in alive), grace)  # type: ignore[misc]  # see above
        for ward in together:
            with suppress(OSError):
                os.killpg(ward.pid, signal.SIGKILL)


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie, which some containers never bury, does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib would double this process's memory
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except ProcessLookupError:
        return False
    except OSError:
        return not os.path.isdir("/proc/self")  # noqa: PTH112 - as above; a system without /proc


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    end(listen(int(sys.argv[1])))
