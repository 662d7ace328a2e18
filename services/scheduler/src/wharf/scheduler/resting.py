"""How long the dispatcher rests between its ticks: less while jobs wait for the places of others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

PLACES_SECONDS = 0.1
"""How often places that came free are given away while somebody waits for them: who has one place has the next job
begin so soon after the one before."""
STILL_WAITING_SECONDS = 2.0
"""So long after places were given others are taken to wait for the next ones."""


@dataclass
class Rest:
    """Between two ticks. Nobody tells the dispatcher of places that come free, for that would cost every job's end."""

    clock: Callable[[], float] = time.monotonic
    _given: float = field(default=float("-inf"), init=False)

    def gave(self, places: int) -> None:
        """So many jobs got a place just now."""
        if places:
            self._given = self.clock()

    def seconds(self, usual: float) -> float:
        """Until the next tick, where it is `usual` while nobody waits for a place."""
        waiting = self.clock() - self._given < STILL_WAITING_SECONDS
        return min(usual, PLACES_SECONDS) if waiting else usual
