"""All checks at once, none of which can hold up the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wharf.common.clock import now
from wharf.common.logs import get_logger
from wharf.gateway.checks.part import Level, Part, worst

Check = Callable[[], Part]
PATIENCE_SECONDS = 3.0
FRESH_SECONDS = 1.0
"""Who asks within that time after a report gets the same: asking often costs nothing."""


@dataclass(frozen=True, slots=True)
class Report:
    """How all of it is."""

    at: datetime
    parts: Mapping[str, Part]

    @property
    def level(self) -> Level:
        """The worst of its parts."""
        return worst(part.level for part in self.parts.values())

    def as_dict(self) -> dict[str, Any]:
        """As the API shows it."""
        parts = {name: part.as_dict() for name, part in self.parts.items()}
        return {"status": self.level, "at": self.at, "parts": parts}


class Checkup:
    """Runs the checks, each in a thread; one report at a time, for all who wait.

    A check that hangs is told of as such, and is not begun again before it has ended: it takes one thread for ever,
    not one for each report.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        seconds: float = PATIENCE_SECONDS,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._checks = checks
        self._seconds = seconds
        self._close = close
        self._lock = threading.Lock()
        self._running: dict[str, Future[Part]] = {}
        self._made = 0.0
        self._report: Report | None = None

    def report(self) -> Report:
        """How all of it is now, or was a moment ago."""
        with self._lock:
            if self._report is None or time.monotonic() - self._made > FRESH_SECONDS:
                self._report = self._look()
                self._made = time.monotonic()
            return self._report

    def _look(self) -> Report:
        for name, check in self._checks.items():
            if name not in self._running or self._running[name].done():
                self._running[name] = _begun(name, check)
        done, _ = wait(self._running.values(), self._seconds)
        parts = {name: run.result() if run in done else self._silent() for name, run in self._running.items()}
        self._close()
        return Report(now(), parts)

    def _silent(self) -> Part:
        return Part(Level.FAIL, f"No answer within {self._seconds:g} s.")


def _begun(name: str, check: Check) -> Future[Part]:
    run: Future[Part] = Future()
    threading.Thread(target=lambda: run.set_result(_outcome(name, check)), name=f"check-{name}", daemon=True).start()
    return run


def _outcome(name: str, check: Check) -> Part:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the report is for
        get_logger().warning("health.check_failed", check=name, error=type(error).__name__)
        # By its kind only: its text may hold an address, and so a password.
        return Part(Level.FAIL, f"It does not answer as it should ({type(error).__name__}).")
