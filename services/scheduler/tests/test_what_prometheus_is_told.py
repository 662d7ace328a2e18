"""Of the whole installation: looked up when it is asked, and never guessed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from wharf.common.errors import Invalid
from wharf.common.jobs.states import Event
from wharf.common.jobs.submission import write_job
from wharf.common.ledger.database import Database
from wharf.common.metrics import exposition
from wharf.common.queues import Priority, Queue
from wharf.common.runtime.celery import celery_app
from wharf.common.storage import Storage
from wharf.local.address import as_role
from wharf.scheduler.observing import (
    Observers,
    observed_database,
    observers_of,
    of_the_broker,
    of_the_ledger,
    of_the_storage,
)

QUEUE = "maintenance"
UP = "wharf_collector_up"


@pytest.fixture
def seen(ledger, observed):
    """What the ledger tells now."""
    return lambda: observed(of_the_ledger(ledger.dispatch))


def test_jobs_that_wait_are_counted_by_queue_and_priority(tenant, seen):
    """With a place or without one; what nobody waits for is 0, not missing."""
    tenant.limit(published=1)
    tenant.submit_many(3)
    tenant.submit(Priority.URGENT)
    told = seen()
    assert [told["wharf_queue_depth", QUEUE, level] for level in ("low", "normal", "urgent")] == [0, 3, 1]
    assert {told["wharf_queue_depth", queue, "high"] for queue in Queue} == {0}


def test_the_oldest_that_waits_tells_how_long(tenant, ledger, seen):
    """From when it was due, not from when it was written."""
    ledger.age(tenant.submit(), "available_at", 90)
    tenant.submit()
    assert seen()["wharf_queue_oldest_wait_seconds", QUEUE] == pytest.approx(90, abs=10)


def test_what_rests_makes_nobody_wait(tenant, ledger, seen):
    """A paused queue, and a queue that is paused for this tenant, are somebody's wish: no alert on their age."""
    ledger.age(tenant.submit(), "available_at", 90)
    ledger.pause(tenant_id=tenant.id)
    told = seen()
    assert (told["wharf_queue_oldest_wait_seconds", QUEUE], told["wharf_queue_paused", QUEUE]) == (0, 0)
    ledger.pause()
    told = seen()
    assert (told["wharf_queue_paused", QUEUE], told["wharf_queue_paused", "ingest"]) == (1, 0)


def test_jobs_without_a_message_are_told(tenant, seen, make_dispatcher):
    """Until the dispatcher has published them."""
    tenant.submit()
    assert seen()["wharf_outbox_jobs",] == 1
    make_dispatcher().tick()
    assert seen()["wharf_outbox_jobs",] == 0


def test_running_dead_and_discarded_jobs_are_told(tenant, ledger, seen, run):
    """A failed job counts as dead until somebody retries or discards it."""
    running, dead, discarded = tenant.submit_many(3)
    run([running, dead, discarded])
    for job in (dead, discarded):
        ledger.finish(job, Event.FAIL, error=Invalid("no"))
    ledger.age(discarded, "discarded_at", 0)
    told = seen()
    assert (told["wharf_jobs_running", QUEUE], told["wharf_jobs_dead", QUEUE]) == (1, 1)
    assert 0 <= told["wharf_jobs_oldest_run_seconds", QUEUE] < 60


def test_a_job_that_waits_for_its_parts_is_told_by_them(tenant, ledger, seen, run):
    """They wait, run and may be the oldest; it holds no slot and is not stuck. Where one fails it is no dead letter."""
    whole = tenant.submit()
    run([whole])
    parts = []
    for nth in (1, 2):
        with ledger.app.tenant(tenant.id) as connection:
            order = replace(tenant.order(Priority.NORMAL), parent_id=whole, part=nth)
            parts.append(write_job(connection, order).view.job_id)
    ledger.finish(whole, Event.WAIT)
    ledger.age(parts[1], "available_at", 90)
    told = seen()
    assert [told[f"wharf_{name}", QUEUE] for name in ("jobs_running", "jobs_stuck", "jobs_oldest_run_seconds")] == [
        0
    ] * 3
    assert told["wharf_queue_depth", QUEUE, "normal"] == 2
    assert told["wharf_queue_oldest_wait_seconds", QUEUE] == pytest.approx(90, abs=10)
    run(parts)
    assert seen()["wharf_jobs_running", QUEUE] == 2
    for part in parts:
        ledger.finish(part, Event.FAIL, error=Invalid("no"))
    assert seen()["wharf_jobs_dead", QUEUE] == 0
    assert ledger.claim(whole, 2)
    ledger.finish(whole, Event.FAIL, attempt=2, error=Invalid("no"))
    assert seen()["wharf_jobs_dead", QUEUE] == 1


@pytest.mark.parametrize("how", ["its lease ran out", "its cancel was not heard"])
def test_a_job_that_nobody_takes_back_is_stuck(tenant, ledger, seen, run, how):
    """After a minute: the reaper, or the worker's watch, should have ended it long before."""
    job = tenant.submit()
    run([job])
    assert seen()["wharf_jobs_stuck", QUEUE] == 0
    if how == "its lease ran out":
        ledger.ask("UPDATE wharf.leases SET expires_at = now() - interval '61 seconds'")
    else:
        tenant.cancel(job)
        ledger.age(job, "cancel_requested_at", 61)
    assert seen()["wharf_jobs_stuck", QUEUE] == 1


def test_the_servers_are_told(seen, backend, observed, tmp_path):
    """PostgreSQL's connections and size, the broker's policy and memory, the room of a local folder."""
    told = seen()
    assert 0 < told["wharf_database_connections",] < told["wharf_database_connections_max",]
    assert told["wharf_database_bytes",] > 1_000_000
    broker = observed(of_the_broker(backend.redis_url))
    assert (broker["wharf_broker_evicts",], broker["wharf_broker_evicted_keys_total",]) == (0, 0)
    assert broker["wharf_broker_memory_bytes",] > 0
    room = observed(of_the_storage(Storage.open(SimpleNamespace(storage_url=tmp_path.as_uri()))))
    assert 0 < room["wharf_storage_free_bytes",] <= room["wharf_storage_size_bytes",]


def test_a_broker_that_may_not_be_asked_is_no_failure(broker, backend):
    """A user without a right to INFO: nothing is told of it, and nobody is waked for that."""
    broker.redis.acl_setuser("guest", enabled=True, passwords=["+guest"], keys=["*"], commands=["+@all", "-@dangerous"])
    try:
        assert list(of_the_broker(as_role(backend.redis_url, "guest", "guest"))) == []
    finally:
        broker.redis.acl_deluser("guest")


def test_an_installation_has_these_sources(backend, ledger, observed, tmp_path):
    """Each tells of itself that it works; what one of them cannot say takes nothing from the others."""
    settings = SimpleNamespace(
        database_url=SimpleNamespace(get_secret_value=lambda: backend.dispatch_url),
        broker_url=SimpleNamespace(get_secret_value=lambda: backend.redis_url),
        storage_url=tmp_path.as_uri(),
    )
    with celery_app("test", backend.redis_url) as app, closing(observed_database(settings)) as database:
        # Two of them ask the ledger, at once: neither waits for the other one's connection.
        with database.anyone() as one, database.anyone() as other:
            assert one.execute(text("SELECT 1")).scalar() == other.execute(text("SELECT 1")).scalar()
        told = observed(observers_of(app, settings, database).collect())
    up = {of[1]: value for of, value in told.items() if of[0] == UP}
    assert up == {"ledger": 1, "drift": 1, "storage": 1, "broker": 1}


def test_a_ledger_that_is_away_is_told_as_such(observed):
    """Its metrics are missing: an empty queue and one that nobody can see are not the same."""
    away = Database.connect("postgresql://w@127.0.0.1:1/w", pool=1, application="test")
    told = observed(Observers({"ledger": lambda: of_the_ledger(away)}).collect())
    assert told.pop(("wharf_collector_seconds", "ledger")) >= 0
    assert told == {(UP, "ledger"): 0}


def test_all_of_it_is_told_in_one_answer():
    """Sources beside each other, and beside what the process counts itself; asked twice."""
    observers = [Observers({"ledger": list, "drift": list})]
    for answer in (exposition(observers).decode(), exposition(observers).decode()):
        assert 'wharf_collector_up{source="ledger"} 1.0' in answer
        assert 'wharf_collector_up{source="drift"} 1.0' in answer
        assert "wharf_publish_failures_total" in answer


def test_half_a_look_is_none():
    """What fails in the middle tells nothing of what it had seen by then."""

    def half():
        yield "something"
        raise ConnectionError

    names = [family.name for family in Observers({"ledger": half}).collect()]
    assert names == [UP, "wharf_collector_seconds"]
