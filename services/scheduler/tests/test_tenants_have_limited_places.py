"""Admission: how many of a tenant's jobs may be published at once, and whose turn it is."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from wharf.common.errors import Transient
from wharf.common.jobs.states import Event
from wharf.common.jobs.submission import write_job
from wharf.common.queues import Priority, Queue

PATIENCE = 60.0


def test_a_flood_has_its_limit_and_no_more(make_tenant, dispatcher, broker):
    """Of a thousand jobs the tenant's limit is published, whoever publishes them and however often one looks."""
    flooder = make_tenant(published=30)
    flooder.submit_many(40)
    flooder.copy(flooder.submit(), 959)
    assert flooder.admitted() == 30
    for _ in range(3):
        dispatcher.tick()
    assert flooder.admitted() == 30
    assert len(broker.messages()) == 30


def test_the_limit_is_two_hundred_unless_said(tenant, dispatcher, broker):
    """A tenant without limits of its own has the default ones."""
    tenant.submit_many(210)
    tenant.submit_many(25, Priority.URGENT)
    while dispatcher.tick():
        pass
    assert (tenant.admitted(), tenant.admitted(urgent=True)) == (200, 20)
    assert len(broker.messages()) == 220


def test_nobody_waits_for_somebody_elses_flood(make_tenant, dispatcher, broker):
    """Another tenant's job is admitted at once, and published while the flood waits."""
    flooder, other = make_tenant(published=5), make_tenant(published=5)
    flooder.submit_many(100)
    written = other.write(Priority.NORMAL)
    assert written.admitted
    dispatcher.tick()
    assert written.view.job_id in broker.jobs()


def test_each_queue_has_places_of_its_own(make_tenant):
    """A full queue takes no place from another one."""
    tenant = make_tenant(published=2)
    tenant.submit_many(4, queue=Queue.INGEST_BULK)
    tenant.submit_many(4, queue=Queue.INGEST)
    assert (tenant.admitted("ingest-bulk"), tenant.admitted("ingest")) == (2, 2)


def test_urgent_jobs_have_an_allowance_of_their_own(make_tenant, dispatcher, broker):
    """A tenant's flood leaves its urgent jobs their places, and they have a limit too."""
    tenant = make_tenant(published=3, urgent=2)
    tenant.submit_many(10, Priority.HIGH)
    urgent = tenant.submit_many(5, Priority.URGENT)
    dispatcher.tick()
    assert (tenant.admitted(), tenant.admitted(urgent=True)) == (3, 2)
    assert [one.level for one in broker.messages()] == [Priority.URGENT] * 2 + [Priority.HIGH] * 3
    assert set(broker.jobs()[:2]) <= set(urgent)


def end_completed(tenant, job):
    tenant.ledger.claim(job)
    tenant.ledger.finish(job, Event.COMPLETE)


def end_failed(tenant, job):
    tenant.ledger.claim(job)
    tenant.ledger.finish(job, Event.FAIL)


def end_cancelled(tenant, job):
    tenant.cancel(job)


def end_stopped(tenant, job):
    tenant.ledger.claim(job)
    tenant.cancel(job)
    tenant.ledger.finish(job, Event.STOP)


def end_retrying(tenant, job):
    tenant.ledger.claim(job)
    tenant.ledger.finish(job, Event.FAIL_FOR_NOW, error=Transient("later"), delay=60.0)


@pytest.mark.parametrize("ends", [end_completed, end_failed, end_cancelled, end_stopped, end_retrying])
def test_room_comes_back(make_tenant, dispatcher, ends):
    """A job that ended, or waits for its retry, leaves its place to the next one, and to one only."""
    tenant = make_tenant(published=2)
    jobs = tenant.submit_many(5)
    ends(tenant, jobs[0])
    assert dispatcher.admit() == 1
    assert dispatcher.admit() == 0
    assert tenant.ledger.job(jobs[2])["admitted"]


@pytest.mark.parametrize("steps", ["claim", "claim cancel", "claim expire reap"])
def test_live_jobs_keep_their_place(make_tenant, dispatcher, steps):
    """A job that runs, that is being cancelled or that its dead worker gave back has a place still."""
    tenant = make_tenant(published=1)
    job, _waiting = tenant.submit_many(2)
    actions = {
        "claim": lambda: tenant.ledger.claim(job),
        "cancel": lambda: tenant.cancel(job),
        "expire": lambda: tenant.ledger.expire(job),
        "reap": dispatcher.reaper.reap,
    }
    for step in steps.split():
        actions[step]()
    assert dispatcher.admit() == 0


def test_a_limit_is_effective_at_the_next_tick(make_tenant, dispatcher, broker):
    """A raised limit admits more at once; a lowered one takes no place away, and gives none until there is room."""
    tenant = make_tenant(published=2)
    jobs = tenant.submit_many(10)
    tenant.limit(published=4)
    dispatcher.tick()
    assert tenant.admitted() == len(broker.messages()) == 4
    tenant.limit(published=3)
    for job in jobs[:2]:
        end_completed(tenant, job)
        dispatcher.tick()
    assert tenant.admitted() == 3
    assert not tenant.write(Priority.NORMAL).admitted


def test_a_limit_of_zero_admits_nothing(make_tenant, dispatcher):
    """It is a limit like any other."""
    tenant = make_tenant(published=0)
    assert not tenant.write(Priority.NORMAL).admitted
    assert dispatcher.admit() == 0


def test_a_level_is_worth_a_minute_of_waiting(make_tenant, dispatcher):
    """High before normal before low; but a low one that waited for over a minute longer is before the normal one."""
    tenant = make_tenant(published=0)
    ages = {"old low": (Priority.LOW, 70), "low": (Priority.LOW, 0), "normal": (Priority.NORMAL, 0)}
    jobs = {name: tenant.submit(level) for name, (level, _age) in ages.items()} | {"high": tenant.submit(Priority.HIGH)}
    tenant.ledger.age(jobs["old low"], "available_at", 70)
    order = []
    for limit in range(1, 5):
        tenant.limit(published=limit)
        dispatcher.admit()
        order += [name for name, job in jobs.items() if tenant.ledger.job(job)["admitted"] and name not in order]
    assert order == ["high", "old low", "normal", "low"]


def test_a_low_job_is_not_starved(make_tenant, dispatcher, run):
    """While newer and more important ones keep coming, the low one gets its turn when it has waited long enough."""
    tenant = make_tenant(published=1)
    run([tenant.submit()])
    low = tenant.submit(Priority.LOW)
    for waited in (30, 90, 150):
        tenant.ledger.age(low, "available_at", waited)
        tenant.submit(Priority.HIGH)
        (holder,) = tenant.ledger.jobs("admitted AND status IN ('queued', 'running')")
        tenant.cancel(holder["id"])
        tenant.ledger.ask("UPDATE wharf.jobs SET status = 'cancelled' WHERE status = 'cancelling'")
        dispatcher.admit()
        assert tenant.ledger.job(low)["admitted"] is (waited > 120)


def test_delayed_jobs_wait_for_their_time(tenant, dispatcher, broker):
    """A job for later is neither admitted nor published before its time, and both when it has come."""
    job = tenant.submit(at=datetime.now(UTC) + timedelta(hours=1))
    dispatcher.tick()
    assert not tenant.ledger.job(job)["admitted"]
    tenant.ledger.age(job, "available_at", 0.1)
    dispatcher.tick()
    assert broker.jobs() == [job]


def test_a_retry_by_hand_needs_a_place_too(make_tenant, dispatcher):
    """A dead letter that is tried again while its tenant is full waits in the ledger like a new job."""
    tenant = make_tenant(published=1)
    dead = tenant.submit()
    end_failed(tenant, dead)
    holder = tenant.submit()
    assert not tenant.retry(dead).admitted
    assert dispatcher.admit() == 0
    tenant.cancel(holder)
    assert dispatcher.admit() == 1
    assert tenant.ledger.job(dead)["admitted"]


def test_concurrent_submits_overshoot_by_their_number_at_most(make_tenant, dispatcher):
    """Places are counted, not locked: of n transactions at once, all but the first may be beyond the limit.

    Nobody waits for anybody's commit; the dispatcher gives no place until the overshoot is gone.
    """
    tenant, submitters = make_tenant(published=5), 8
    together = threading.Barrier(submitters)

    def submit(_number: int) -> None:
        for _ in range(5):
            with tenant.ledger.app.tenant(tenant.id) as connection:
                write_job(connection, tenant.order(Priority.NORMAL))
                together.wait(PATIENCE)
            # Who begins anew before the others' commits would not see them either.
            together.wait(PATIENCE)

    with ThreadPoolExecutor(submitters) as pool:
        list(pool.map(submit, range(submitters)))
    # None of the eight saw another's row.
    assert tenant.admitted() == 8 <= 5 + submitters - 1
    holders = tenant.ledger.jobs("admitted")
    for holder in holders[:3]:
        tenant.cancel(holder["id"])
    assert dispatcher.admit() == 0
    tenant.cancel(holders[3]["id"])
    assert dispatcher.admit() == 1


def test_the_limit_holds_whatever_the_plan(make_tenant, ledger):
    """A planner that looks for the next jobs once for every row, as it does on young statistics, changes no number."""
    tenant = make_tenant(published=0)
    tenant.submit_many(20)
    tenant.limit(published=3)
    ledger.dispatch.engine.dispose()
    with ledger.dispatch.anyone() as connection:
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "indexscan", "bitmapscan"):
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        assert connection.exec_driver_sql("SELECT wharf.admit(200)").scalar_one() == 3
    assert tenant.admitted() == 3


def test_two_dispatchers_admit_no_more_than_submits_do(make_tenant, make_dispatcher):
    """Were there two at once, no job would get its place twice, and the limit would be passed by one batch at most."""
    tenant = make_tenant(published=0)
    tenant.submit_many(40)
    tenant.limit(published=10)
    pair = [make_dispatcher(), make_dispatcher()]
    with ThreadPoolExecutor(2) as pool:
        given = sum(pool.map(lambda one: one.admit(), pair))
    assert given == tenant.admitted() <= 20
    assert pair[0].admit() == 0
