"""How often an address may bring a key that is none."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST = 10
WITHIN_SECONDS = 300.0
REMEMBERED = 10_000
"""Addresses; the oldest are forgotten first."""


class Tries:
    """Failed log-ins by address, in this process: a key cannot be guessed, this keeps the noise down."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until that address may try again; 0 where it may now."""
        times = self._failed.get(address, deque())
        while times and times[0] <= self._clock() - WITHIN_SECONDS:
            times.popleft()
        return times[0] + WITHIN_SECONDS - self._clock() if len(times) >= MOST else 0.0

    def fail(self, address: str) -> None:
        """Count a try that was none."""
        self._failed.setdefault(address, deque(maxlen=MOST)).append(self._clock())
        self._failed.move_to_end(address)
        while len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)
