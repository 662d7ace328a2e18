"""How fast a backup goes: imports that run beside it should hardly notice."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

LEAST_SECONDS = 0.25
"""Work is added up to that before there is a rest for it: shorter rests would be lost in the buffers on the way."""


@dataclass
class Pace:
    """Rests as long as work lasted, again and again: a server's process has no priority of its own.

    PostgreSQL waits while nobody takes what it sends, so half the time a core is somebody else's.
    """

    rests: float = 1.0
    """Seconds of rest for each second of work; 0 for none."""
    _since: float = field(default_factory=time.monotonic)

    def keep(self) -> None:
        """Between two pieces of work."""
        worked = time.monotonic() - self._since
        if worked < LEAST_SECONDS:
            return
        time.sleep(worked * self.rests)
        self._since = time.monotonic()
