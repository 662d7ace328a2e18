"""How long to wait before a child that died is started again."""

from __future__ import annotations

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""A child that lived this long was fine: its next death counts as the first."""


class Backoff:
    """Doubles from `FIRST_SECONDS` to `LONGEST_SECONDS` while a child keeps dying young."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def after(self, alive_seconds: float) -> float:
        """Seconds to wait now that the child died after `alive_seconds`."""
        if alive_seconds >= STEADY_SECONDS:
            self._next = FIRST_SECONDS
        delay = self._next
        self._next = min(2 * delay, LONGEST_SECONDS)
        return delay
