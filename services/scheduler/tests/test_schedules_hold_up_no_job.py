"""Beat goes on with the jobs that are there, whatever is wrong with schedules, until it is told to end."""

from __future__ import annotations

import socket
from dataclasses import replace
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import DBAPIError

from wharf.common.ledger.database import Database
from wharf.common.schedules import BUILTIN
from wharf.scheduler.beat import LedgerScheduler


@pytest.fixture
def beat(schedules):
    """A beat's schedules, without Celery around it."""
    made = object.__new__(LedgerScheduler)
    made._settings = SimpleNamespace(time_zone="UTC")
    made._schedules, made._declared = schedules, False
    return made


def test_what_is_due_begins(beat, ledger):
    """And the built-in ones are declared before, once."""
    assert not beat._begin()
    assert {row["name"] for row in ledger.ask("SELECT name FROM wharf.schedules")} == {one.name for one in BUILTIN}
    ledger.ask("DELETE FROM wharf.schedules")
    assert not beat._begin()
    assert ledger.ask("SELECT name FROM wharf.schedules") == []


def test_an_error_of_theirs_is_logged_and_the_tick_goes_on(beat, ledger):
    """Here a role that has no right to declare any."""
    beat._schedules = replace(beat._schedules, database=ledger.app)
    assert not beat._begin()
    assert not beat._declared


def test_a_bug_of_theirs_ends_no_tick(beat, monkeypatch):
    """It comes with every tick: beat would end with every tick, and nothing be dispatched any more."""
    monkeypatch.setattr(type(beat._schedules), "tick", lambda _self: 1 // 0)
    assert not beat._begin()


def test_a_ledger_that_is_away_is_everybodys(beat):
    """Then nothing can be done in this tick, and somebody else may lead."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = Database.connect(f"postgresql://nobody@127.0.0.1:{port}/none", pool=1, application="test")
    beat._schedules = replace(beat._schedules, database=away)
    with pytest.raises(DBAPIError):
        beat._begin()


def test_a_beat_that_was_closed_ticks_no_more(beat):
    """Celery raises in a handler of a signal, and what is raised while the garbage collection runs is lost."""
    beat._sender = SimpleNamespace(stop=lambda: None)
    beat.close()
    with pytest.raises(SystemExit):
        beat.tick()
