"""Publishing: every admitted job without a mark is rung for, and no other."""

from __future__ import annotations

import pytest

from wharf.common.errors import Transient
from wharf.common.jobs.states import Event
from wharf.common.queues import Priority
from wharf.common.runtime import points
from wharf.local.trial import eventually


class Crash(BaseException):
    """The process is gone."""


def crash(name: str) -> None:
    """End the dispatcher between message and mark, as the test build of the services does."""
    if name == points.Point.BEFORE_PUBLISHED_MARK:
        raise Crash


def test_a_job_is_rung_for_once(tenant, ledger, dispatcher, broker):
    """The mark keeps it from a second message, whatever else is published."""
    first = tenant.submit()
    assert dispatcher.publish() == 1
    assert ledger.job(first)["published_at"]
    second = tenant.submit()
    assert dispatcher.publish() == 1
    assert broker.jobs() == [first, second]


def test_a_message_holds_ids_alone(tenant, dispatcher, broker):
    """The attempt that it is for, in the list of its priority."""
    job = tenant.submit(Priority.LOW)
    dispatcher.publish()
    (message,) = broker.messages()
    assert (message.job_id, message.attempt, message.level) == (job, 1, Priority.LOW)


def test_a_kind_of_a_later_version_is_rung_for(tenant, ledger, dispatcher, broker):
    """Gateways and workers may be newer than the scheduler: it has to know no kind, and others are not held up."""
    newer, other = tenant.submit_many(2)
    ledger.ask("UPDATE wharf.jobs SET kind = 'of_a_later_version' WHERE id = %s", newer)
    assert dispatcher.publish() == 2
    assert set(broker.jobs()) == {newer, other}


def test_a_bug_in_one_step_holds_up_no_other(tenant, dispatcher, broker, monkeypatch):
    """It is told with every tick, and jobs are rung for all the same."""
    job = tenant.submit()
    monkeypatch.setattr(type(dispatcher.reaper), "reap", lambda _self: 1 // 0)
    assert not dispatcher.tick()
    assert broker.jobs() == [job]


def test_what_is_not_queued_is_not_rung_for(tenant, ledger, dispatcher, broker):
    """A job that runs, has ended, or waits for a place or a retry needs no message."""
    running, cancelled, failed, retrying = tenant.submit_many(4)
    for job in (running, failed, retrying):
        ledger.claim(job)
    ledger.finish(failed, Event.FAIL)
    ledger.finish(retrying, Event.FAIL_FOR_NOW, error=Transient("later"), delay=60.0)
    tenant.cancel(cancelled)
    ledger.ask("UPDATE wharf.jobs SET published_at = NULL")
    assert dispatcher.publish() == 0
    assert broker.messages() == []


def test_a_new_job_is_left_to_who_submitted_it(tenant, ledger, make_dispatcher, broker):
    """For the time of grace; later attempts have nobody else who rings for them."""
    dispatcher = make_dispatcher(grace=30)
    new, old, again = tenant.submit_many(3)
    ledger.age(old, "created_at", 31)
    ledger.claim(again)
    ledger.finish(again, Event.GIVE_BACK)
    dispatcher.publish()
    assert set(broker.jobs()) == {old, again}
    assert ledger.job(new)["published_at"] is None


def test_more_than_a_batch_is_told(make_tenant, dispatcher, broker):
    """A tick says that there is more to do, so that nobody waits for the next look."""
    tenant = make_tenant(published=250)
    tenant.submit_many(1)
    tenant.limit(published=0)
    tenant.copy(tenant.submit(), 249)
    tenant.limit(published=250)
    assert dispatcher.tick()
    while dispatcher.tick():
        pass
    assert len(broker.messages()) == len(set(broker.jobs())) == 250


def test_nothing_is_marked_while_the_broker_is_away(tenant, ledger, make_dispatcher, broker):
    """No mark without a message: who comes later, when the broker is back, publishes everything."""
    jobs = tenant.submit_many(3)
    assert make_dispatcher(url="redis://127.0.0.1:1/0").publish() == 0
    assert all(job["published_at"] is None for job in ledger.jobs())
    assert make_dispatcher().publish() == 3
    assert broker.jobs() == jobs


def test_a_broker_that_hung_is_used_again(tenant, ledger, dispatcher, broker):
    """The very dispatcher that was not heard publishes as soon as the broker takes messages again."""
    job = tenant.submit()
    broker.redis.client_pause(30_000, all=False)
    assert dispatcher.publish() == 0
    assert ledger.job(job)["published_at"] is None
    broker.redis.client_unpause()
    eventually(dispatcher.publish, "the broker to be tried again")
    assert job in broker.jobs()


def test_a_crash_before_the_mark_rings_twice_and_runs_once(tenant, ledger, make_dispatcher, broker, monkeypatch):
    """The next leader finds no mark and rings again; of the two messages one finds something to claim."""
    job, crashing = tenant.submit(), make_dispatcher()
    with monkeypatch.context() as test_build:
        test_build.setattr(points, "hook", crash)
        with pytest.raises(Crash):
            crashing.tick()
    make_dispatcher().tick()
    assert broker.jobs() == [job, job]
    claims = [ledger.claim(one.job_id, one.attempt, f"worker {n}") for n, one in enumerate(broker.messages())]
    assert [claim is not None for claim in claims] == [True, False]


def test_a_mark_is_of_its_attempt_alone(tenant, ledger, dispatcher):
    """A worker was quicker than the mark, and gave the job back: its next attempt has not been rung for."""
    job = tenant.submit()
    ledger.claim(job)
    ledger.finish(job, Event.GIVE_BACK)
    with ledger.dispatch.anyone() as connection:
        connection.exec_driver_sql("SELECT wharf.mark_published(ARRAY[%s]::uuid[], ARRAY[1]::bigint[])", (job,))
    assert ledger.job(job)["published_at"] is None


def test_a_retry_is_due_in_its_time(tenant, ledger, dispatcher, broker):
    """Not before; then it is queued, admitted and rung for in one tick, as the next attempt."""
    job = tenant.submit()
    ledger.claim(job)
    ledger.finish(job, Event.FAIL_FOR_NOW, error=Transient("later"), delay=60.0)
    dispatcher.tick()
    assert (ledger.job(job)["status"], broker.messages()) == ("retrying", [])
    ledger.age(job, "available_at", 0.1)
    dispatcher.tick()
    assert ledger.job(job)["status"] == "queued"
    assert [(one.job_id, one.attempt) for one in broker.messages()] == [(job, 2)]
    assert ledger.claim(job, 2)


def test_a_retry_queues_up_for_a_place(make_tenant, ledger, dispatcher, broker):
    """While it waited others took its place: it is queued when due, and published when there is room."""
    tenant = make_tenant(published=1)
    job = tenant.submit()
    ledger.claim(job)
    ledger.finish(job, Event.FAIL_FOR_NOW, error=Transient("later"), delay=0.0)
    other = tenant.submit()
    dispatcher.tick()
    assert (ledger.job(job)["status"], ledger.job(job)["admitted"]) == ("queued", False)
    tenant.cancel(other)
    dispatcher.tick()
    assert (job, 2) in [(one.job_id, one.attempt) for one in broker.messages()]
