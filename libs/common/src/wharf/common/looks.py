"""Looking at several things at once, none of which can hold up the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

T = TypeVar("T")
FRESH_SECONDS = 1.0
"""Who asks within that time after an answer gets the same: asking often costs nothing."""


class Looks(Generic[T]):
    """Looks by their names, side by side, each in a thread, and one deadline for all of them.

    One that hangs is not begun again before it has ended: it takes one thread for ever, not one for each answer.
    A look raises nothing: what is wrong is what it has seen.
    """

    def __init__(self, looks: Mapping[str, Callable[[], T]], seconds: float) -> None:
        self._looks = looks
        self._seconds = seconds
        self._running: dict[str, Future[T]] = {}

    def together(self) -> dict[str, T | None]:
        """What each has seen, in their order; None of those that have not answered in time."""
        for name, look in self._looks.items():
            if name not in self._running or self._running[name].done():
                self._running[name] = _begun(name, look)
        done, _ = wait(self._running.values(), self._seconds)
        return {name: run.result() if run in done else None for name, run in self._running.items()}


class Shared(Generic[T]):
    """An answer that is made by one at a time, for all who wait for it or ask a moment later."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[float, T] | None = None

    def answer(self) -> T:
        """How it is now, or was a moment ago."""
        with self._lock:
            if self._made is None or time.monotonic() - self._made[0] > FRESH_SECONDS:
                made = self._make()
                self._made = time.monotonic(), made
            return self._made[1]

    def forget(self) -> None:
        """Make it anew for the next who asks."""
        self._made = None


def _begun(name: str, look: Callable[[], T]) -> Future[T]:
    run: Future[T] = Future()
    threading.Thread(target=lambda: run.set_result(look()), name=f"look-{name}", daemon=True).start()
    return run
