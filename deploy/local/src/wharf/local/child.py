"""One child process of the stack: its declaration, and the running thing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from wharf.local.account import Account, run_as
from wharf.local.backoff import Backoff

TAIL_BYTES = 4096


class Stage(IntEnum):
    """The order of stopping: first nothing new comes in, then the work ends, then the servers that it needs."""

    GATEWAY = 0
    SCHEDULER = 1
    WORKERS = 2
    REDIS = 3
    POSTGRES = 4


def nothing() -> None:
    """What a child without preparations does before it starts."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to start and how to tell that it is ready.

    `environment` is the whole environment. `ready` is asked again and again and may take a second. `prepare` runs
    before every start, restarts too. At a stop the child gets `stop_signal`, and its whole process group SIGKILL when
    it is still there `grace` seconds later.
    """

    name: str
    command: tuple[str, ...]
    stage: Stage
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    account: Account | None = None
    prepare: Callable[[], None] = nothing
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0

    @property
    def is_server(self) -> bool:
        """Whether it keeps data for the others."""
        return self.stage >= Stage.REDIS


class Child:
    """A process in a session of its own (so Ctrl-C reaches only us), with its output appended to the file `log`."""

    def __init__(self, spec: ChildSpec, log: Path) -> None:
        self.spec = spec
        self.log = log
        self.pid = 0
        self.restart_at: float | None = None
        self._backoff = Backoff()
        self._started = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; `OSError` where that is impossible."""
        self.spec.prepare()
        with self._open_log() as output:
            self._process = subprocess.Popen(
                self.spec.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.spec.environment),
                cwd=self.spec.folder,
                start_new_session=True,
                **run_as(self.spec.account),
            )
        self.pid = self._process.pid
        self.restart_at = None
        self._started = time.monotonic()

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else 0

    def plan_restart(self) -> float:
        """Decide when to start it again after its death; returns the seconds until then."""
        now = time.monotonic()
        delay = self._backoff.after(now - self._started)
        self.restart_at = now + delay
        return delay

    def ask_to_stop(self) -> None:
        """Send the stop signal; nothing happens when it is gone already."""
        if self._process:
            with suppress(ProcessLookupError):
                self._process.send_signal(self.spec.stop_signal)

    def end_group(self) -> None:
        """Kill what is left of the process and its own children, and reap it."""
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()

    def tail(self) -> str:
        """The last lines of its log."""
        with suppress(OSError), self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
            return "\n".join(lines[-15:])
        return ""

    def _open_log(self) -> BinaryIO:
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "ab")
