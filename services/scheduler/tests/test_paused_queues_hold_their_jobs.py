"""A paused queue: nothing of it is admitted, published or claimed, and everything goes on when it is resumed."""

from __future__ import annotations

import pytest

from wharf.common.jobs.states import Event
from wharf.common.queues import Queue


@pytest.fixture(params=["one tenant's", "everybody's"])
def paused(request, ledger, tenant):
    """The queue `maintenance`, paused for the tenant or for the whole installation; resumes it when called."""
    whose = {"tenant_id": tenant.id} if request.param == "one tenant's" else {}
    ledger.pause(**whose)
    return lambda: ledger.resume(**whose)


def test_a_paused_queue_is_not_admitted(make_tenant, ledger, dispatcher, broker):
    """Room is no reason to give places away while the queue rests; they are given when it goes on."""
    tenant = make_tenant(published=0)
    tenant.submit_many(3)
    ledger.pause(tenant_id=tenant.id)
    tenant.limit(published=2)
    dispatcher.tick()
    assert tenant.admitted() == 0
    ledger.resume(tenant_id=tenant.id)
    dispatcher.tick()
    assert tenant.admitted() == len(broker.messages()) == 2


def test_a_paused_queue_is_not_published(tenant, dispatcher, broker, paused):
    """A job that was admitted before, or at its submit, is not rung for; after the resume it is."""
    job = tenant.submit()
    dispatcher.tick()
    assert broker.messages() == []
    paused()
    dispatcher.tick()
    assert broker.jobs() == [job]


def test_a_message_of_a_paused_queue_is_refused(tenant, ledger, dispatcher, broker, paused):
    """It was in the broker already: the job stays queued without a mark, and is rung for again after the resume."""
    paused()
    job = tenant.submit()
    dispatcher.tick()
    broker.lose()
    ledger.pause()
    assert ledger.claim(job) is None
    row = ledger.job(job)
    assert (row["status"], row["attempt"], row["admitted"], row["published_at"]) == ("queued", 1, True, None)
    dispatcher.tick()
    assert broker.messages() == []
    ledger.resume()
    dispatcher.tick()
    assert broker.jobs() == [job]
    assert ledger.claim(job)


def test_a_mark_that_comes_after_the_refusal_is_none(tenant, ledger, dispatcher, broker, paused):
    """Marks of submits are gathered for a moment, and an idle worker is faster: the job is rung for afterwards."""
    paused()
    job = tenant.submit()
    ledger.pause()
    assert ledger.claim(job) is None
    ledger.ask("SELECT wharf.mark_published(ARRAY[%s]::uuid[], ARRAY[1]::bigint[])", job)
    assert ledger.job(job)["published_at"] is None
    ledger.resume()
    dispatcher.tick()
    assert broker.jobs() == [job]


def test_what_is_submitted_meanwhile_has_no_message(tenant, dispatcher, broker, paused):
    """Nobody rings for it before the resume, and its place is given then."""
    job = tenant.submit()
    assert tenant.admitted() == 0
    paused()
    dispatcher.tick()
    assert (tenant.admitted(), broker.jobs()) == (1, [job])


def test_the_youngest_are_rung_for_at_once(make_tenant, ledger, make_dispatcher, broker):
    """What was handed in just before the resume waits for no grace: its own message was refused, or never sent."""
    dispatcher, tenant = make_dispatcher(grace=30), make_tenant(published=1)
    refused = tenant.submit()
    ledger.pause()
    assert ledger.claim(refused) is None
    waiting = tenant.submit()
    ledger.resume()
    dispatcher.tick()
    assert broker.jobs() == [refused]
    tenant.cancel(refused)
    dispatcher.tick()
    assert broker.jobs() == [refused, waiting]


def test_what_runs_is_not_disturbed(tenant, ledger, run, paused):
    """A pause ends no attempt: its lease is renewed, its end is written; a give-back waits."""
    paused()
    done, given_back = tenant.submit_many(2)
    run([done, given_back])
    ledger.pause()
    assert ledger.heartbeat(done)["held"]
    assert ledger.finish(done, Event.COMPLETE)["status"] == "completed"
    ledger.finish(given_back, Event.GIVE_BACK)
    assert ledger.claim(given_back, 2) is None


def test_a_pause_is_of_its_queue_and_tenant_alone(make_tenant, ledger, dispatcher, broker):
    """Other queues of the tenant, and the queue of other tenants, go on."""
    paused, other = make_tenant(), make_tenant()
    ledger.pause(tenant_id=paused.id)
    held, free = paused.submit(), paused.submit(queue=Queue.PACKAGE)
    others = other.submit()
    dispatcher.tick()
    assert broker.jobs() == [others]
    assert broker.jobs("package") == [free]
    assert ledger.claim(held) is None
    assert ledger.claim(others)


def test_a_paused_job_does_not_age(tenant, ledger, make_dispatcher, broker):
    """Waiting that somebody ordered raises no priority, and rings for nothing."""
    dispatcher = make_dispatcher(ageing=60)
    job = tenant.submit()
    dispatcher.tick()
    ledger.age(job, "published_at", 100)
    ledger.pause()
    assert dispatcher.age() == 0
    ledger.resume()
    assert dispatcher.age() == 1


def test_resuming_one_leaves_the_other(tenant, ledger):
    """A tenant that resumes its queue has not resumed the installation's."""
    job = tenant.submit()
    ledger.pause()
    ledger.pause(tenant_id=tenant.id)
    ledger.resume(tenant_id=tenant.id)
    assert ledger.claim(job) is None
    ledger.resume()
    assert ledger.claim(job)
