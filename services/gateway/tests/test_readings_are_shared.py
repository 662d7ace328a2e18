"""What one stream has read of the ledger will do for the others that ask the same within a moment."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from wharf.gateway.readings import Readings

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Ledger:
    """Counts how often it is read, and says so; may fail the first time."""

    def __init__(self, *, fails: int = 0) -> None:
        self.asked: list[datetime | None] = []
        self._fails = fails

    def read(self, since: datetime | None) -> int:
        time.sleep(0.02)
        self.asked.append(since)
        if len(self.asked) <= self._fails:
            raise ConnectionError
        return len(self.asked)


def test_those_who_ask_together_are_answered_by_one_reading():
    """A thousand streams of a tenant: one query."""
    ledger = Ledger()

    async def ask() -> list[int]:
        readings, before = Readings(), time.monotonic()
        return await asyncio.gather(*(readings.look("tenant", NOON, before, ledger.read) for _ in range(1000)))

    assert set(asyncio.run(ask())) == {1}
    assert len(ledger.asked) == 1


def test_nobody_is_given_what_was_read_before_they_asked_for_it():
    """A happening that was heard after a reading had begun may not be in it."""
    ledger = Ledger()

    async def ask() -> list[int]:
        readings = Readings()
        first = await readings.look("tenant", NOON, time.monotonic(), ledger.read)
        return [first, await readings.look("tenant", NOON, time.monotonic(), ledger.read)]

    assert asyncio.run(ask()) == [1, 2]


@pytest.mark.parametrize(("since", "readings"), [(NOON - timedelta(seconds=10), 1), (NOON - timedelta(hours=1), 2)])
def test_a_reading_goes_somewhat_further_back_than_it_was_asked_to(since, readings):
    """So it will do for a stream that looked a little earlier; not for one that has slept for an hour."""
    ledger = Ledger()

    async def ask() -> None:
        shared, before = Readings(), time.monotonic()
        await shared.look("tenant", NOON, before, ledger.read)
        await shared.look("tenant", since, before, ledger.read)

    asyncio.run(ask())
    assert len(ledger.asked) == readings
    assert all(asked is not None and asked < since for asked in ledger.asked[-1:])


def test_other_subjects_are_read_by_themselves():
    """What a key of one project may see is not what another's may."""
    ledger = Ledger()

    async def ask() -> None:
        shared, before = Readings(), time.monotonic()
        await asyncio.gather(*(shared.look(project, None, before, ledger.read) for project in "ab"))

    asyncio.run(ask())
    assert ledger.asked == [None, None]


def test_an_error_is_everyones_who_waited_and_nobody_elses():
    """The next one asks again."""
    ledger = Ledger(fails=1)

    async def ask() -> tuple[list[object], int]:
        shared, before = Readings(), time.monotonic()
        together = [shared.look("tenant", None, before, ledger.read) for _ in range(3)]
        failed: list[object] = await asyncio.gather(*together, return_exceptions=True)
        return failed, await shared.look("tenant", None, time.monotonic(), ledger.read)

    failed, then = asyncio.run(ask())
    assert [type(error) for error in failed] == [ConnectionError] * 3
    assert then == 2


def test_who_goes_away_takes_the_answer_from_nobody():
    """The reading was theirs, but others wait for it."""
    ledger = Ledger()

    async def ask() -> int:
        shared, before = Readings(), time.monotonic()
        first = asyncio.create_task(shared.look("tenant", None, before, ledger.read))
        await asyncio.sleep(0)
        second = asyncio.create_task(shared.look("tenant", None, before, ledger.read))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(ask()) == 1
    assert len(ledger.asked) == 1
