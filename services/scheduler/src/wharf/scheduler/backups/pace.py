"""How fast a backup goes: imports that run beside it should hardly notice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LEAST_SECONDS = 0.25
"""Work is added up to that before there is a rest for it: shorter rests would be lost in the buffers on the way."""
MOST_SECONDS = 2.0
"""A piece that lasted longer waited for somebody: a lock, a slow disk. To rest for all of that would help nobody."""
STEP_SECONDS = 0.5
"""So soon a rest ends for who was cancelled."""
Check = Callable[[], None]
"""Raises where the work should stop; called at least every second."""


@dataclass
class Pace:
    """Rests as long as work lasted, again and again: a server's process has no priority of its own.

    PostgreSQL waits while nobody takes what it sends, so half the time a core is somebody else's.
    """

    check: Check
    rests: float = 1.0
    """Seconds of rest for each second of work; 0 for none."""
    _worked: float = field(default=0.0, init=False)

    @contextmanager
    def piece(self) -> Iterator[None]:
        """A piece of work: is it still wanted, and after it a rest. What lies between two pieces is none."""
        self.check()
        began = time.monotonic()
        yield
        self._worked += time.monotonic() - began
        if self._worked >= LEAST_SECONDS:
            self._rest(min(self._worked, MOST_SECONDS) * self.rests)
            self._worked = 0.0

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, STEP_SECONDS))
