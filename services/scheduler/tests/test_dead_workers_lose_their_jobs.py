"""Reaping: what becomes of a job whose worker is gone, and of what that worker still tries."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import text

from wharf.common.errors import Cancelled, Fenced
from wharf.common.jobs.kinds import ECHO, EchoPayload
from wharf.common.jobs.states import Event, Status
from wharf.common.runtime.context import FENCE
from wharf.scheduler.reaper import verdict


@pytest.fixture
def job(tenant, ledger):
    """One that a worker has claimed."""
    job = tenant.submit()
    assert ledger.claim(job)
    return job


def counts(ledger, job):
    row = ledger.job(job)
    return {name: row[name] for name in ("deaths", "failures", "give_backs")}


def test_a_death_leads_to_the_next_attempt(ledger, dispatcher, broker, job):
    """In one tick: the lease is gone, the death counted, the next attempt rung for."""
    ledger.expire(job, "died")
    dispatcher.tick()
    row = ledger.job(job)
    assert (row["status"], row["attempt"], row["admitted"], row["finished_at"]) == ("queued", 2, True, None)
    assert counts(ledger, job) == {"deaths": 1, "failures": 0, "give_backs": 0}
    assert (ledger.lease(job), ledger.outcome(job)) == (None, "die")
    assert [(one.job_id, one.attempt) for one in broker.messages()] == [(job, 2)]
    assert ledger.claim(job, 2)


def test_a_renewed_lease_is_not_taken(ledger, dispatcher, job):
    """It had nearly run out; its holder was heard of in time."""
    ledger.ask("UPDATE wharf.leases SET expires_at = clock_timestamp()")
    assert ledger.heartbeat(job)["held"]
    assert dispatcher.reaper.reap() == 0
    assert ledger.job(job)["attempt"] == 1


def die(ledger, dispatcher, job, attempt):
    assert ledger.job(job)["attempt"] == attempt
    if attempt > 1:
        assert ledger.claim(job, attempt)
    ledger.expire(job, "died", attempt)
    assert dispatcher.reaper.reap() == 1


def test_the_third_death_without_progress_is_poison(ledger, dispatcher, job, counted):
    """A file that kills its workers ends as a dead letter, with the reason; it is rung for no more."""
    labels = {"kind": "echo", "queue": "maintenance"}

    def told() -> tuple[float, ...]:
        ends = counted("wharf_jobs_finished_total", status="failed", **labels)
        return ends, counted("wharf_jobs_failed_total", cause="died", **labels)

    before = told()
    for attempt in (1, 2, 3):
        die(ledger, dispatcher, job, attempt)
    row = ledger.job(job)
    assert (row["status"], row["deaths"], row["error"]["code"]) == ("failed", 3, "poison")
    assert row["error"]["retryable"] is False
    assert row["finished_at"]
    assert (dispatcher.publish(), ledger.claim(job, 3), ledger.lease(job)) == (0, None, None)
    assert told() == (before[0] + 1, before[1] + 1)


def test_progress_makes_deaths_forgotten(ledger, tenant, dispatcher, job):
    """A worker that got further than any before it has not met the same end: three more deaths are needed."""
    die(ledger, dispatcher, job, 1)
    die(ledger, dispatcher, job, 2)
    ledger.claim(job, 3)
    tenant.save(job, 1000, 3)
    assert counts(ledger, job)["deaths"] == 0
    ledger.expire(job, "died", 3)
    dispatcher.reaper.reap()
    assert (ledger.job(job)["status"], ledger.job(job)["deaths"]) == ("queued", 1)


@pytest.mark.parametrize("reached", [0, 1, 1000])
def test_getting_as_far_again_is_no_progress(ledger, tenant, dispatcher, job, reached):
    """A file that kills at the same row each time would go on for ever, were its checkpoints counted."""
    tenant.save(job, 1000)
    for attempt in (1, 2, 3):
        die(ledger, dispatcher, job, attempt)
        if attempt < 3:
            ledger.claim(job, attempt + 1)
            tenant.save(job, reached, attempt + 1)
            ledger.ask("DELETE FROM wharf.leases")
            ledger.ask("DELETE FROM wharf.attempts WHERE attempt > %s", attempt)
            ledger.ask("UPDATE wharf.jobs SET status = 'queued'")
    assert (ledger.job(job)["status"], ledger.job(job)["furthest"]) == ("failed", 1000)


def test_a_retry_by_hand_starts_the_count_anew(ledger, tenant, dispatcher, job):
    """Deaths, and how far the job had come: what follows is measured against itself."""
    tenant.save(job, 1000)
    for attempt in (1, 2, 3):
        die(ledger, dispatcher, job, attempt)
    tenant.retry(job)
    die(ledger, dispatcher, job, 4)
    ledger.claim(job, 5)
    tenant.save(job, 10, 5)
    assert (ledger.job(job)["status"], ledger.job(job)["deaths"]) == ("running", 0)


def test_a_time_limit_is_an_end_of_its_own(ledger, dispatcher, job, counted):
    """Tried again it would take as long: failed at once, with its code, and no death."""
    labels = {"kind": "echo", "queue": "maintenance", "cause": "permanent"}
    before = counted("wharf_jobs_failed_total", **labels)
    ledger.expire(job, "time_limit")
    dispatcher.tick()
    row = ledger.job(job)
    assert (row["status"], row["error"]["code"], row["deaths"]) == ("failed", "time_limit", 0)
    assert (row["attempt"], ledger.outcome(job)) == (1, "fail")
    assert counted("wharf_jobs_failed_total", **labels) == before + 1


def test_a_shutdown_gives_back(ledger, dispatcher, broker, job):
    """However often workers are stopped, it is neither a death nor a failure of the job."""
    for attempt in range(1, 6):
        ledger.expire(job, "shutdown", attempt)
        dispatcher.tick()
        assert ledger.outcome(job, attempt) == "give_back"
        assert ledger.claim(job, attempt + 1)
    assert counts(ledger, job) == {"deaths": 0, "failures": 0, "give_backs": 5}
    assert broker.messages()[-1].attempt == 6


@pytest.mark.parametrize("why", ["died", "time_limit", "shutdown"])
def test_what_was_to_be_cancelled_is(ledger, tenant, dispatcher, broker, job, why):
    """However its worker ended, a job whose end was asked for ends as cancelled, once."""
    tenant.cancel(job)
    ledger.expire(job, why)
    dispatcher.tick()
    row = ledger.job(job)
    assert (row["status"], row["error"]["code"], row["attempt"]) == ("cancelled", "cancelled", 1)
    assert row["finished_at"]
    assert (ledger.lease(job), broker.messages()) == (None, [])


@pytest.mark.parametrize("why", ["died", "time_limit", "shutdown"])
@pytest.mark.parametrize("event", [Event.COMPLETE, Event.FAIL, Event.FAIL_FOR_NOW, Event.GIVE_BACK])
def test_an_ended_lease_is_of_no_use(ledger, tenant, job, why, event):
    """Its old holder lives after all: it can neither renew the lease, nor commit, nor write an end."""
    ledger.expire(job, why)
    before = ledger.job(job)
    assert not ledger.heartbeat(job)["held"]
    assert not ledger.heartbeat(job, seconds=0.0)["held"]
    with ledger.app.tenant(tenant.id) as connection:
        assert connection.execute(FENCE, {"job": job, "attempt": 1, "worker": "w"}).first() is None
    assert ledger.finish(job, event, result={"rows": 1}) is None
    assert ledger.job(job) == before


@pytest.mark.parametrize(("ended", "error"), [("cancel", Cancelled), ("lease", Fenced)])
def test_nothing_is_committed_after_the_last_moment(ledger, tenant, attempt, ended, error):
    """A cancel, or the end of the lease, counts at once for what the job is about to commit, unheard as it is."""
    context = attempt(ECHO, EchoPayload(), of=tenant.id)
    end = {"cancel": tenant.cancel, "lease": ledger.expire}[ended]

    def commit() -> None:
        with context.transaction() as connection:
            end(context.job_id)
            context.save(connection, {"rows": 1})

    with pytest.raises(error):
        commit()
    assert ledger.job(context.job_id)["checkpoint"] is None


def test_the_first_reason_stays(ledger, job):
    """A child that was killed for its time limit has died, too: that is no second reason."""
    ledger.expire(job, "time_limit")
    ledger.expire(job, "died")
    assert ledger.lease(job)["why"] == "time_limit"


def test_a_lease_of_another_attempt_is_not_ended(ledger, job):
    """Who is late speaks of its own attempt."""
    assert not ledger.expire(job, "died", attempt=2)
    assert ledger.heartbeat(job)["held"]


def test_who_holds_a_job_is_waited_for_by_nobody(ledger, tenant, dispatcher):
    """A transaction that has one job's row locked holds up the reaping of that job only."""
    locked, free = tenant.submit_many(2)
    for job in (locked, free):
        ledger.claim(job)
        ledger.expire(job)
    with ledger.app.tenant(tenant.id) as connection:
        connection.execute(text("SELECT 1 FROM wharf.jobs WHERE id = :id FOR UPDATE"), {"id": locked})
        assert dispatcher.reaper.reap() == 1
    assert dispatcher.reaper.reap() == 1
    assert [ledger.job(job)["attempt"] for job in (locked, free)] == [2, 2]


def test_every_reason_has_a_verdict():
    """For each state that holds a lease and each reason: deaths count only where a worker died."""
    seen = {
        (status, why): verdict(status, why, 2)[0]
        for status, why in itertools.product(
            (Status.RUNNING, Status.CANCELLING), (None, "died", "time_limit", "shutdown")
        )
    }
    assert {event for (status, _), event in seen.items() if status is Status.CANCELLING} == {Event.STOP}
    assert [seen[Status.RUNNING, why] for why in (None, "died", "time_limit", "shutdown")] == [
        Event.FAIL,
        Event.FAIL,
        Event.FAIL,
        Event.GIVE_BACK,
    ]
    assert verdict(Status.RUNNING, "died", 1) == (Event.DIE, None)
