from __future__ import annotations

from dataclasses import dataclass

from wharf.common.jobs.view import ProgressView
from wharf.common.runtime.progress import Progress


@dataclass
class Clock:
    now: float = 0.0


def started(clock: Clock) -> Progress:
    progress = Progress(ProgressView(unit="rows"), lambda: clock.now)
    progress.advance(0, 1000, stage="load")
    return progress


def test_reports_are_passed_on_four_times_a_second() -> None:
    """A job may report every row: what is told is throttled."""
    clock = Clock()
    progress = started(clock)
    told = 0
    for step in range(1, 101):
        clock.now = step / 100
        told += progress.advance(step, 1000, stage="load") is not None
    assert told == 4


def test_a_new_stage_is_told_at_once() -> None:
    """Who watches sees the change when it happens."""
    clock = Clock()
    progress = started(clock)
    clock.now = 0.01
    assert progress.advance(5, 1000, stage="merge") is not None


def test_rate_and_remaining_time_follow_from_the_clock() -> None:
    """100 rows in 2 seconds are 50 a second, and the other 900 take 18."""
    clock = Clock()
    progress = started(clock)
    clock.now = 2.0
    view = progress.advance(100, 1000, stage="load")
    assert view is not None
    assert (view.rate, view.eta_seconds, view.percent, view.unit) == (50.0, 18.0, 10.0, "rows")


def test_the_bar_never_goes_back() -> None:
    """An estimate that grows makes the bar wait, not shrink."""
    clock = Clock()
    progress = started(clock)
    clock.now = 1.0
    progress.advance(500, 1000, stage="load")
    clock.now = 2.0
    view = progress.advance(510, 2000, stage="load")
    assert view is not None
    assert view.percent == 50.0
