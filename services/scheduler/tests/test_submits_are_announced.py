"""The announcer: after a submit's commit the broker is told, and the ledger that it was, in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from wharf.common.doorbell import Doorbell
from wharf.common.feed import STREAM, Feed
from wharf.common.jobs.announcing import Announcer
from wharf.common.jobs.states import Event
from wharf.common.queues import Priority
from wharf.common.runtime.celery import celery_app
from wharf.local.trial import eventually


@pytest.fixture
def make_announcer(backend, ledger, broker) -> Iterator[Callable[..., Announcer]]:
    """Announcers, as a gateway opens them."""
    with ExitStack() as stack:

        def make(url: str = backend.redis_url) -> Announcer:
            app = stack.enter_context(celery_app("announcer", url))
            announcer = Announcer(ledger.app, Doorbell(app), Feed(backend.redis_url))
            stack.callback(announcer.close)
            return announcer

        yield make


def test_a_new_job_is_rung_for_and_marked(tenant, ledger, broker, make_announcer, counted):
    """Message, mark, event and count: as the submit's last part, without its waiting for any of it."""
    labels = {"kind": "echo", "queue": "maintenance", "priority": "high"}
    before = counted("wharf_jobs_submitted_total", **labels)
    written = tenant.write(Priority.HIGH)
    make_announcer().announce(written, tenant.id)
    job = written.view.job_id
    eventually(lambda: ledger.job(job)["published_at"], "the mark")
    assert [(one.job_id, one.attempt, one.level) for one in broker.messages()] == [(job, 1, Priority.HIGH)]
    assert counted("wharf_jobs_submitted_total", **labels) == before + 1
    assert broker.redis.xrevrange("wharf:events", count=1)[0][1][b"type"] == b"job.queued"


def test_a_job_without_a_place_is_told_of_only(make_tenant, ledger, broker, make_announcer):
    """Who watches sees it; nobody rings before the dispatcher admits it."""
    tenant = make_tenant(published=0)
    written, announcer = tenant.write(Priority.NORMAL), make_announcer()
    announcer.announce(written, tenant.id)
    announcer.close()
    (told,) = broker.redis.xrange(STREAM)
    assert told[1][b"type"] == b"job.queued"
    assert broker.messages() == []
    assert ledger.job(written.view.job_id)["published_at"] is None


def test_a_job_that_runs_again_is_rung_for_only(tenant, ledger, broker, make_announcer, counted):
    """It was counted when it was submitted, and told of by the one who moved it."""
    labels = {"kind": "echo", "queue": "maintenance", "priority": "normal"}
    job = tenant.submit()
    ledger.claim(job)
    ledger.finish(job, Event.FAIL)
    before = counted("wharf_jobs_submitted_total", **labels)
    announcer = make_announcer()
    announcer.ring(tenant.retry(job), tenant.id)
    announcer.close()
    assert [(one.job_id, one.attempt) for one in broker.messages()] == [(job, 2)]
    assert ledger.job(job)["published_at"]
    assert counted("wharf_jobs_submitted_total", **labels) == before
    assert broker.redis.xlen(STREAM) == 0


def test_all_of_many_are_announced_before_it_closes(make_tenant, ledger, broker, make_announcer):
    """More than a batch, from several threads: each has one message and its mark."""
    tenant = make_tenant(published=1000)
    announcer, written = make_announcer(), [tenant.write(Priority.NORMAL) for _ in range(60)]

    def announce(part: int) -> None:
        for one in written[part::4]:
            announcer.announce(one, tenant.id)

    threads = [threading.Thread(target=announce, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    announcer.close(30.0)
    assert sorted(broker.jobs()) == sorted(one.view.job_id for one in written)
    assert all(job["published_at"] for job in ledger.jobs())


def test_what_no_broker_took_is_left_to_the_dispatcher(tenant, ledger, broker, make_announcer, dispatcher):
    """No mark without a message; the dispatcher finds and publishes it."""
    announcer = make_announcer("redis://127.0.0.1:1/0")
    written = [tenant.write(Priority.NORMAL) for _ in range(3)]
    for one in written:
        announcer.announce(one, tenant.id)
    announcer.close()
    assert [job["published_at"] for job in ledger.jobs()] == [None] * 3
    dispatcher.tick()
    assert sorted(broker.jobs()) == sorted(one.view.job_id for one in written)


def test_a_worker_may_be_quicker_than_the_mark(tenant, ledger, broker, make_announcer):
    """The job is claimed before it is marked: the mark changes nothing of the attempt that runs."""
    written, announcer = tenant.write(Priority.NORMAL), make_announcer()
    job = written.view.job_id
    announcer.announce(written, tenant.id)
    eventually(broker.messages, "the message")
    claimed = ledger.claim(job)
    announcer.close()
    row = ledger.job(job)
    assert (row["status"], row["published_at"]) == ("running", claimed["published_at"])


def test_the_dispatcher_and_the_announcer_ring_no_job_away(tenant, ledger, broker, make_announcer, dispatcher):
    """Both may ring for the same new job: of the messages one is claimed."""
    written, announcer = tenant.write(Priority.NORMAL), make_announcer()
    announcer.announce(written, tenant.id)
    dispatcher.tick()
    announcer.close()
    claims = [ledger.claim(one.job_id, one.attempt, f"worker {n}") for n, one in enumerate(broker.messages())]
    assert sum(claim is not None for claim in claims) == 1
