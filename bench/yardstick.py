"""A process that is measured beside the stack, on the stack's servers; and processes that stand still meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psutil

from wharf.local.trial import eventually

ROOT = Path(__file__).parents[1]
READY_SECONDS = 60.0
STOP_SECONDS = 10.0


def redis_database(url: str, number: int) -> str:
    """Another database of the same Redis."""
    return urlsplit(url)._replace(path=f"/{number}").geturl()


class Yardstick:
    """`python -m MODULE …` while it is entered; its output is in the file `log`."""

    def __init__(
        self, command: tuple[str, ...], environment: Mapping[str, str], log: Path, ready: Callable[[], bool]
    ) -> None:
        self._command = (sys.executable, "-m", *command)
        self._environment = {**os.environ, **environment}
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        return self._process.pid if self._process else 0

    def __enter__(self) -> Self:
        """Start it; returns when it is ready, raises with the end of its log when it is not."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            eventually(self._is_ready, f"{self._command[2]} to be ready", READY_SECONDS)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._stop()

    def _is_ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"It ended at once; its log ends with: {self._log.read_text()[-2000:]}")
        return self._ready()

    def _stop(self) -> None:
        if self._process is None:
            return
        family = _family(self.pid)
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()


@contextmanager
def standing_still(pids: list[int]) -> Iterator[None]:
    """While this lasts these processes and their children are stopped, whatever happens."""
    family = [process for pid in pids for process in _family(pid)]
    try:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def _family(pid: int) -> list[psutil.Process]:
    """The process first: a parent that goes on would see its child stand still."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []
