"""Ageing: who has waited long in the broker is rung for in a list that is served earlier."""

from __future__ import annotations

from wharf.common.queues import Priority


def levels_of(broker, job):
    return [one.level for one in broker.messages() if one.job_id == job]


def test_a_level_for_every_period(tenant, ledger, make_dispatcher, broker):
    """One level and one message a period, up to urgent and never above it."""
    dispatcher = make_dispatcher(ageing=60)
    job = tenant.submit(Priority.LOW)
    dispatcher.publish()
    expected = [Priority.LOW]
    for level in (Priority.NORMAL, Priority.HIGH, Priority.URGENT):
        assert dispatcher.age() == 0
        ledger.age(job, "published_at", 61)
        assert dispatcher.age() == 1
        expected.insert(0, level)
        assert levels_of(broker, job) == expected
    ledger.age(job, "published_at", 1000)
    assert dispatcher.age() == 0
    assert ledger.job(job)["raised"] == 3


def test_urgent_jobs_cannot_rise(tenant, ledger, make_dispatcher, broker):
    """They are first already."""
    dispatcher = make_dispatcher(ageing=60)
    job = tenant.submit(Priority.URGENT)
    dispatcher.publish()
    ledger.age(job, "published_at", 1000)
    assert dispatcher.age() == 0
    assert levels_of(broker, job) == [Priority.URGENT]


def test_what_was_raised_stays_so(tenant, ledger, make_dispatcher, broker):
    """A message that is lost is rung again at the level that waiting has earned; the job keeps its own priority."""
    dispatcher = make_dispatcher(ageing=60)
    job = tenant.submit(Priority.NORMAL)
    dispatcher.publish()
    ledger.age(job, "published_at", 61)
    dispatcher.age()
    broker.lose()
    ledger.ask("UPDATE wharf.jobs SET published_at = NULL")
    dispatcher.publish()
    assert levels_of(broker, job) == [Priority.HIGH]
    assert ledger.job(job)["priority"] == Priority.NORMAL.rank


def test_both_messages_run_the_job_once(tenant, ledger, make_dispatcher, broker):
    """The old message finds nothing to claim."""
    dispatcher = make_dispatcher(ageing=60)
    job = tenant.submit()
    dispatcher.publish()
    ledger.age(job, "published_at", 61)
    dispatcher.age()
    claims = [ledger.claim(one.job_id, one.attempt, f"worker {n}") for n, one in enumerate(broker.messages())]
    assert [claim is not None for claim in claims] == [True, False]


def test_what_runs_does_not_age(tenant, ledger, make_dispatcher, broker):
    """Only waiting counts."""
    dispatcher = make_dispatcher(ageing=60)
    job = tenant.submit()
    dispatcher.publish()
    ledger.claim(job)
    ledger.age(job, "published_at", 61)
    assert dispatcher.age() == 0
    assert len(levels_of(broker, job)) == 1
