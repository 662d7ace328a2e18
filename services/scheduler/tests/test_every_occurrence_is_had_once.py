"""Two beats and two dispatchers over one ledger, one of each killed again and again: every occurrence is done once.

An hour passes on a clock that is a parameter. A kill is an error at a random statement, at a commit, or after one; what
was killed comes back with nothing but the ledger.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from wharf.common.jobs.announcing import Announcer
from wharf.common.jobs.states import Event
from wharf.common.schedules import Cron
from wharf.scheduler.dispatcher import Dispatcher
from wharf.scheduler.reaper import Reaper
from wharf.scheduler.schedules import Schedules

BEGIN = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
"""At the end of this hour Berlin's clock goes from 02:00 to 03:00."""
HOUR = timedelta(hours=1)
INTERVALS = (45, 60, 100, 1799)
CRON = {"*/5 * * * *": range(0, 61, 5), "0,30 2,3 * * *": (60,), "10 * * * *": (10,)}
"""With their minutes in that hour in Berlin: what the gap swallows comes at its end, once."""


class Killed(Exception):
    """As kill -9 would: nothing after it is done."""


@dataclass
class Killer:
    """Counts the steps of a beat, and ends it at one of them."""

    chance: random.Random
    left: int = 0
    kills: int = 0

    def arm(self) -> None:
        self.left = self.chance.randint(1, 14)

    def step(self, *_: object, **__: object) -> None:
        self.left -= 1
        if self.left == 0:
            self.kills += 1
            raise Killed


class Deadly(Announcer):
    """A beat can also be killed after its commit, before anybody is told."""

    def __init__(self, killer: Killer) -> None:
        self._killer = killer

    def announce(self, *_: Any) -> None:
        self._killer.step()


@pytest.fixture
def killer() -> Killer:
    """The same kills each time."""
    return Killer(random.Random(9))


@pytest.fixture
def victim(make_schedules: Callable[[], Schedules], killer: Killer) -> Iterator[Schedules]:
    """A beat whose every statement and commit may be its last."""
    made = make_schedules()
    for moment in ("before_cursor_execute", "commit"):
        event.listen(made.database.engine, moment, killer.step)
    return replace(made, announcer=Deadly(killer))


def moments(chance: random.Random) -> Iterator[datetime]:
    """The clock of that hour, in uneven steps, and its end."""
    at = BEGIN
    while at < BEGIN + HOUR:
        yield at
        at += timedelta(seconds=chance.randint(1, 40))
    yield BEGIN + HOUR


def expected(first: datetime, seconds: int) -> list[datetime]:
    number = int((BEGIN + HOUR - first).total_seconds()) // seconds + 1
    return [first + n * timedelta(seconds=seconds) for n in range(number)]


def first(expression: str, zone: ZoneInfo) -> datetime:
    return Cron.parse(expression, zone).after(BEGIN - timedelta(seconds=1))


def live_through(beats: Sequence[Schedules | Process], killer: Killer, at: datetime) -> None:
    """Both tick at once until nothing is due any more."""
    killer.arm()
    with ThreadPoolExecutor(len(beats)) as pool:
        for done in [pool.submit(beat.tick, at) for beat in beats]:
            with suppress(Killed):
                done.result()


@pytest.mark.parametrize("overlap", ["skip", "replace"])  # "queue" is lived through with the dispatchers, below
def test_an_hour_of_two_beats_and_many_kills(ledger, tenant, make_schedules, victim, killer, zone, overlap):
    """Every occurrence of every schedule is noted once, and each that starts has one job of its own."""
    chance = random.Random(7)
    more = {"overlap": overlap, "grace_seconds": 3600}
    every = {seconds: tenant.schedule(interval_seconds=seconds, next_at=BEGIN, **more) for seconds in INTERVALS}
    cron = {one: tenant.schedule(cron=one, time_zone=zone.key, next_at=first(one, zone), **more) for one in CRON}
    other = make_schedules()
    for at in moments(chance):
        live_through([victim, other], killer, at)
        while True:
            # Workers are quick here: what a tick begins has ended before the next one.
            ledger.ask("UPDATE wharf.jobs SET status = 'completed' WHERE status = 'queued'")
            if not other.tick(at):
                break
    ledger.ask("UPDATE wharf.jobs SET status = 'completed' WHERE status = 'queued'")
    other.tick(BEGIN + HOUR)
    assert killer.kills > 20
    for seconds, schedule in every.items():
        assert [run["scheduled_for"] for run in ledger.runs(schedule)] == expected(BEGIN, seconds), seconds
    runs = ledger.ask("SELECT * FROM wharf.schedule_runs")
    # Both may take one of two that come together, before a worker could do the first: by its policy it is left out.
    assert {run["outcome"] for run in runs} - {"skipped"} == {"started"}
    jobs = [run["job_id"] for run in runs if run["outcome"] == "started"]
    assert len(set(jobs)) == len(jobs)
    assert set(jobs) == {job["id"] for job in ledger.jobs()}
    for one, schedule in cron.items():
        wanted = [BEGIN + timedelta(minutes=minute) for minute in CRON[one]]
        assert [run["scheduled_for"] for run in ledger.runs(schedule)] == wanted, one


@dataclass(frozen=True)
class Process:
    """A scheduler: its tick is one of the schedules, then one of the dispatcher."""

    schedules: Schedules
    dispatcher: Dispatcher

    def tick(self, at: datetime) -> bool:
        more = self.schedules.tick(at)
        return self.dispatcher.tick() or more


@pytest.fixture
def processes(make_schedules, make_dispatcher, victim, feed) -> list[Process]:
    """One that dies at any statement, commit or message, and one that lives."""
    doomed = replace(make_dispatcher(), database=victim.database, reaper=Reaper(victim.database, feed))
    return [Process(victim, doomed), Process(make_schedules(), make_dispatcher())]


@dataclass
class Workers:
    """All of them: each message that comes is a try to claim, and what was claimed is done. Counts what was done."""

    ledger: Any
    broker: Any
    heard: Counter = field(default_factory=Counter)
    done: Counter = field(default_factory=Counter)

    def work(self) -> bool:
        """Whether there was a message."""
        new = Counter((message.job_id, message.attempt) for message in self.broker.messages()) - self.heard
        self.heard += new
        for job_id, attempt in new.elements():
            if self.ledger.claim(job_id, attempt):
                self.done[job_id] += 1
                self.ledger.finish(job_id, Event.COMPLETE, attempt)
        return bool(new)


def test_an_hour_of_two_schedulers_is_done_by_workers(ledger, tenant, broker, processes, killer, zone):
    """Each occurrence is begun once, its message comes although a scheduler died before it, its job is done once."""
    chance, survivor = random.Random(11), processes[1]
    more = {"overlap": "queue", "grace_seconds": 3600}
    every = {seconds: tenant.schedule(interval_seconds=seconds, next_at=BEGIN, **more) for seconds in INTERVALS}
    cron = {one: tenant.schedule(cron=one, time_zone=zone.key, next_at=first(one, zone), **more) for one in CRON}
    workers = Workers(ledger, broker)
    for at in moments(chance):
        live_through(processes, killer, at)
        while survivor.tick(at) or workers.work() or ledger.jobs("status = 'queued'"):
            pass  # messages come from a thread of their own: they are on their way
    assert killer.kills > 20
    assert ledger.jobs("status <> 'completed'") == []
    for seconds, schedule in every.items():
        assert [run["scheduled_for"] for run in ledger.runs(schedule)] == expected(BEGIN, seconds), seconds
    for one, schedule in cron.items():
        wanted = [BEGIN + timedelta(minutes=minute) for minute in CRON[one]]
        assert [run["scheduled_for"] for run in ledger.runs(schedule)] == wanted, one
    runs = ledger.ask("SELECT * FROM wharf.schedule_runs")
    assert {run["outcome"] for run in runs} == {"started"}
    assert workers.done == Counter(run["job_id"] for run in runs)
    assert set(workers.done.values()) == {1}
