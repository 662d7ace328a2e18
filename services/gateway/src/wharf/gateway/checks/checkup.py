"""All checks at once, none of which can hold up the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from wharf.common.clock import now
from wharf.common.logs import get_logger
from wharf.common.looks import Looks, Shared
from wharf.gateway.checks.part import Level, Part, worst

Check = Callable[[], Part]
PATIENCE_SECONDS = 3.0


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
    """Runs the checks; one report at a time, for all who wait. A check that hangs is told of as such."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        seconds: float = PATIENCE_SECONDS,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._looks = Looks({name: partial(_outcome, name, check) for name, check in checks.items()}, seconds)
        self._silent = Part(Level.FAIL, f"No answer within {seconds:g} s.")
        self._close = close
        self.shared = Shared(self._look)

    def report(self) -> Report:
        """How all of it is now, or was a moment ago."""
        return self.shared.answer()

    def _look(self) -> Report:
        parts = {name: part or self._silent for name, part in self._looks.together().items()}
        self._close()
        return Report(now(), parts)


def _outcome(name: str, check: Check) -> Part:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the report is for
        get_logger().warning("health.check_failed", check=name, error=type(error).__name__)
        # By its kind only: its text may hold an address, and so a password.
        return Part(Level.FAIL, f"It does not answer as it should ({type(error).__name__}).")
