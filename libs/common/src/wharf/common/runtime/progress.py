"""How far a job is, how fast it goes, and when that is worth telling."""

from __future__ import annotations

import time
from collections.abc import Callable

from wharf.common.jobs.view import ProgressView

TELL_SECONDS = 0.25
MEMORY_SECONDS = 5.0
"""The rate is that of about the last so many seconds."""


class Progress:
    """Turns what a job reports into what is shown; the percentage never goes back within an attempt."""

    def __init__(self, start: ProgressView, clock: Callable[[], float] = time.monotonic) -> None:
        self.view = start
        self._clock = clock
        self._told_at = float("-inf")
        self._mark: tuple[float, int] | None = None

    def advance(
        self, current: int, total: int | None, *, stage: str, message: str = "", percent: float | None = None
    ) -> ProgressView | None:
        """Take in a report; gives the view when it is time to tell it (at once when the stage changes)."""
        now = self._clock()
        changed = stage != self.view.stage
        if percent is None:
            percent = 100.0 * current / total if total else 0.0
        rate = self._rate(now, current)
        self.view = ProgressView(
            current=current,
            total=total,
            percent=round(max(min(percent, 100.0), self.view.percent), 1),
            unit=self.view.unit,
            stage=stage,
            message=message,
            rate=rate,
            eta_seconds=round((total - current) / rate, 1) if rate and total and total >= current else None,
        )
        if not changed and now - self._told_at < TELL_SECONDS:
            return None
        self._told_at = now
        return self.view

    def _rate(self, now: float, current: int) -> float | None:
        """Units a second since a mark that moves on, so that a pause long ago does not count for ever."""
        if self._mark is None or current < self._mark[1]:
            self._mark = (now, current)
            return None
        since, at = self._mark
        elapsed = now - since
        rate = round((current - at) / elapsed, 1) if elapsed > 0 else None
        if elapsed > MEMORY_SECONDS:
            self._mark = (now, current)
        return rate
