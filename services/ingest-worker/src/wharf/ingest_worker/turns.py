"""The order in which threads that work side by side commit."""

from __future__ import annotations

import threading


class Stopped(Exception):
    """A turn that will not come: one before it failed."""


class Turns:
    """Numbers 0, 1, 2 …: each waits until the one before it is done."""

    def __init__(self) -> None:
        self._next = 0
        self._stopped = False
        self._making_way = False
        self._changed = threading.Condition()

    def wait(self, number: int) -> None:
        """Come back when it is that number's turn; raises `Stopped` where it never is."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._next == number)
            if self._stopped:
                raise Stopped

    def wait_holding(self, number: int) -> bool:
        """The same for one who holds what others may wait for; False, at once, where it has to let go of it first."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._making_way or self._next == number)
            if self._stopped:
                raise Stopped
            return not self._making_way

    def make_way(self) -> None:
        """From now on nobody holds anything while waiting.

        PostgreSQL knows nothing of these turns: whoever waits for another transaction while a thread behind it holds
        what that transaction waits for would wait for ever.
        """
        with self._changed:
            self._making_way = True
            self._changed.notify_all()

    def done(self, number: int) -> None:
        """The next one may go."""
        with self._changed:
            self._next = number + 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Nobody waits any longer."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
