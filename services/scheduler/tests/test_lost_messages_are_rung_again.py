"""Reconciling: a job without a message is published again, when it is sure that the message is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.local.trial import eventually
from wharf.scheduler.observing import of_the_drift
from wharf.scheduler.reconciler import Reconciler

DRIFT = "wharf_ledger_broker_drift"


def test_a_shortfall_that_lasts_is_lost():
    """After the patience, and then not a second time at once."""
    reconciler = Reconciler(10.0)
    assert [reconciler.observe("q", 5, 2, now) for now in (0.0, 5.0, 9.9, 10.0, 10.1)] == [0, 0, 0, 3, 0]


def test_what_is_still_lost_is_found_after_another_patience():
    """The messages that were rung again may be lost too."""
    reconciler = Reconciler(10.0)
    assert [reconciler.observe("q", 5, 2, now) for now in (0.0, 10.0, 11.0, 20.0, 21.0)] == [0, 3, 0, 0, 3]


@pytest.mark.parametrize("waiting", [5, 6])
def test_a_shortfall_that_closes_is_forgotten(waiting):
    """As soon as there are as many messages as jobs, or more, the patience begins anew."""
    reconciler = Reconciler(10.0)
    seen = [(2, 0.0), (waiting, 5.0), (2, 9.0), (2, 12.0), (2, 18.9), (2, 19.0)]
    assert [reconciler.observe("q", 5, held, now) for held, now in seen] == [0, 0, 0, 0, 0, 3]


def test_noise_of_messages_under_way_is_not_counted():
    """What workers have just taken comes and goes; only the least of the gap was missing all the time."""
    reconciler = Reconciler(10.0)
    gaps = [4, 9, 2, 30, 5]
    answers = [reconciler.observe("q", 100, 100 - gap, 2.5 * n) for n, gap in enumerate(gaps)]
    assert answers == [0, 0, 0, 0, 2]


def test_more_messages_than_jobs_are_no_loss():
    """Rung twice, or of jobs that have been cancelled."""
    reconciler = Reconciler(0.0)
    assert [reconciler.observe("q", 2, 7, now) for now in (0.0, 100.0)] == [0, 0]


def test_queues_are_watched_apart():
    """One queue's shortfall is not another's."""
    reconciler = Reconciler(10.0)
    reconciler.observe("a", 3, 0, 0.0)
    assert reconciler.observe("b", 3, 0, 10.0) == 0
    assert reconciler.observe("a", 3, 0, 10.0) == 3


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30))
def test_never_more_than_was_missing_all_the_time(seen: list[tuple[int, int]]):
    """Whatever is observed, what is rung again was missing at every look of the last patience."""
    reconciler = Reconciler(3.0)
    for now, (published, waiting) in enumerate(seen):
        missing = reconciler.observe("q", published, waiting, float(now))
        assert missing == 0 or missing == min(p - w for p, w in seen[now - 3 : now + 1])


def old(ledger, seconds=5.0):
    ledger.ask("UPDATE wharf.jobs SET published_at = published_at - make_interval(secs => %s)", seconds)


def test_an_emptied_broker_loses_nothing(tenant, ledger, make_dispatcher, broker, counted, observed):
    """FLUSHALL: after the patience all jobs are rung for again, and counted."""
    dispatcher, before = make_dispatcher(patience=0.2), counted("wharf_jobs_redispatched_total", reason="lost")
    jobs = tenant.submit_many(3)
    dispatcher.tick()
    old(ledger)
    broker.lose()
    assert dispatcher.reconcile() == 0
    assert observed(of_the_drift(dispatcher.database, dispatcher.doorbell))[DRIFT, "maintenance"] == 3
    assert eventually(dispatcher.reconcile, "the shortfall to be found") == 3
    dispatcher.tick()
    assert set(broker.jobs()) == set(jobs)
    assert dispatcher.reconcile() == 0
    assert counted("wharf_jobs_redispatched_total", reason="lost") == before + 3


def test_what_is_there_is_left_alone(tenant, ledger, make_dispatcher, broker, observed):
    """With a message in whatever list of the queue for each job, nothing is rung again."""
    dispatcher = make_dispatcher(patience=0.0)
    tenant.submit_many(2)
    for level in range(4):
        ledger.ask("UPDATE wharf.jobs SET priority = %s WHERE id = %s", level, tenant.submit())
    dispatcher.tick()
    old(ledger)
    assert [dispatcher.reconcile() for _ in range(3)] == [0, 0, 0]
    assert observed(of_the_drift(dispatcher.database, dispatcher.doorbell))[DRIFT, "maintenance"] == 0
    assert len(broker.messages()) == 6


def test_as_many_as_are_missing_are_rung_again(tenant, ledger, make_dispatcher, broker):
    """One lost message, one more message; a job that got two of them runs once, and the next round finds the other."""
    dispatcher = make_dispatcher(patience=0.0)
    jobs = tenant.submit_many(3)
    dispatcher.tick()
    old(ledger)
    broker.redis.lpop("wharf:maintenance\x06\x166")
    assert dispatcher.reconcile() == 1
    ran = set()
    for _ in jobs:
        dispatcher.tick()
        while message := next(iter(broker.messages()), None):
            broker.redis.rpop("wharf:maintenance\x06\x166")
            ran |= {message.job_id} if ledger.claim(message.job_id, message.attempt) else set()
        old(ledger)
        dispatcher.reconcile()
    assert ran == set(jobs)


def test_what_was_just_published_is_not_missing(tenant, make_dispatcher, broker):
    """A message may be on its way still."""
    dispatcher = make_dispatcher(patience=0.0)
    tenant.submit()
    dispatcher.tick()
    broker.lose()
    assert dispatcher.reconcile() == 0


def test_nothing_is_concluded_from_a_broker_that_is_away(tenant, ledger, make_dispatcher, broker):
    """It does not say how many messages it holds: perhaps all of them."""
    tenant.submit()
    make_dispatcher().tick()
    old(ledger)
    away = make_dispatcher(patience=0.0, url="redis://127.0.0.1:1/0")
    assert [away.reconcile(), away.reconcile()] == [0, 0]
    assert ledger.jobs()[0]["published_at"]
