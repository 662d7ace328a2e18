"""What becomes of an occurrence: that of one in time, of those that are late, of one that finds another at work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from wharf.common.schedules import Interval, Misfire, Outcome, Overlap
from wharf.scheduler.occurrences import MOST_MISSED, MOST_WAITING, Due, step

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JOB = uuid4()


def due(**more) -> Due:
    """Every minute, five minutes of grace."""
    usual = {"timing": Interval(60), "next_at": NOON, "grace": 5 * MINUTE}
    return Due(**usual | {"overlap": Overlap.SKIP, "misfire": Misfire.RUN_ONCE} | more)


def test_one_in_time_starts_and_the_next_one_follows_it():
    """Not the moment at which somebody looked: nothing drifts."""
    found = step(due(), NOON + timedelta(seconds=17))
    assert (found.notes, found.next_at, found.starts) == ({NOON: Outcome.STARTED}, NOON + MINUTE, NOON)


def test_of_those_within_grace_none_is_left_out():
    """They are taken one after the other."""
    taken, at = [], NOON
    while at <= NOON + 4 * MINUTE:
        found = step(due(next_at=at), NOON + 4 * MINUTE)
        taken += [found.starts]
        at = found.next_at
    assert taken == [NOON + n * MINUTE for n in range(5)]


def test_late_ones_start_one_job_for_the_latest():
    """The others are noted as missed; what is still in time comes next."""
    found = step(due(), NOON + 20 * MINUTE)
    assert found.starts == NOON + 15 * MINUTE
    assert (found.missed, found.next_at) == (15, NOON + 16 * MINUTE)


def test_late_ones_can_be_left():
    """All are noted, none starts."""
    found = step(due(misfire=Misfire.SKIP), NOON + 20 * MINUTE)
    assert (found.starts, found.missed, found.next_at) == (None, 16, NOON + 16 * MINUTE)


def test_grace_ends_where_it_says():
    """To the microsecond."""
    assert step(due(misfire=Misfire.SKIP), NOON + 5 * MINUTE).starts == NOON
    assert step(due(misfire=Misfire.SKIP), NOON + 5 * MINUTE + timedelta(microseconds=1)).missed == 1


def test_a_long_time_leaves_a_bounded_note():
    """The latest hundred, and time goes on from there."""
    found = step(due(misfire=Misfire.SKIP), NOON + timedelta(days=365))
    assert found.missed == MOST_MISSED
    assert found.next_at == NOON + timedelta(days=365) - 4 * MINUTE


@pytest.mark.parametrize(
    ("overlap", "more", "outcome", "cancels"),
    [
        (Overlap.SKIP, {"live": [JOB]}, Outcome.SKIPPED, ()),
        (Overlap.SKIP, {"waiting": 1}, Outcome.SKIPPED, ()),
        (Overlap.QUEUE, {"live": [JOB]}, Outcome.WAITING, ()),
        (Overlap.QUEUE, {"waiting": 1}, Outcome.WAITING, ()),
        (Overlap.QUEUE, {"live": [JOB], "waiting": MOST_WAITING}, Outcome.SKIPPED, ()),
        (Overlap.REPLACE, {"live": [JOB]}, Outcome.WAITING, (JOB,)),
        (Overlap.QUEUE, {}, Outcome.STARTED, ()),
        (Overlap.REPLACE, {}, Outcome.STARTED, ()),
    ],
)
def test_one_that_finds_another_at_work(overlap, more, outcome, cancels):
    """Is skipped, waits (a hundred at most), or takes its place."""
    found = step(due(overlap=overlap, **more), NOON)
    assert (found.notes[NOON], tuple(found.cancel), found.supersede) == (outcome, cancels, bool(cancels))
