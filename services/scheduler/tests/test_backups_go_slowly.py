"""A backup leaves the machine to others: a rest for each piece of work."""

from __future__ import annotations

import time

import pytest

from wharf.scheduler.backups.pace import LEAST_SECONDS, Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that have passed; a rest lets them pass."""
    passed = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])

    def rest(seconds: float) -> None:
        passed[0] += seconds

    monkeypatch.setattr(time, "sleep", rest)
    return passed


@pytest.mark.parametrize("rests", [0.0, 1.0, 2.0])
def test_it_rests_as_long_as_it_worked(clock: list[float], rests: float) -> None:
    """Short pieces are added up, long ones are rested for at once."""
    pace = Pace(rests, 0.0)
    for piece in (LEAST_SECONDS / 4,) * 40 + (3.0,):
        clock[0] += piece
        pace.keep()
    assert clock[0] == pytest.approx((LEAST_SECONDS * 10 + 3) * (1 + rests))
