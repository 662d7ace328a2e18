"""The feed that nobody waits for: what comes together is sent together, what is old by then is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event, Timer
from uuid import uuid4

import orjson
import pytest

from wharf.common.feed import MOST_AT_ONCE, STREAM, QueuedFeed, snapshot_key
from wharf.common.jobs.kinds import ECHO
from wharf.common.jobs.states import Status
from wharf.common.queues import Priority
from wharf.common.runtime import points
from wharf.common.runtime.heartbeat import Heart
from wharf.common.runtime.implementation import Implementation
from wharf.common.runtime.leaving import LeaveSign
from wharf.common.runtime.points import Point
from wharf.common.runtime.runner import Runner
from wharf.common.runtime.voice import Voice
from wharf.local.ports import HOST
from wharf.local.trial import eventually


@pytest.fixture
def open_feed(backend) -> Iterator[Callable[..., QueuedFeed]]:
    """Feeds, closed at the end."""
    with ExitStack() as stack:

        def make(url: str = backend.redis_url) -> QueuedFeed:
            feed = QueuedFeed(url)
            stack.callback(feed.close)
            return feed

        yield make


def events(broker) -> list[str]:
    return [fields[b"type"].decode() for _, fields in broker.redis.xrange(STREAM)]


def test_of_one_moment_only_the_last_is_told(tenant, broker, open_feed):
    """A job that is done in milliseconds is told once; one that takes longer tells each state."""
    view = tenant.write(Priority.NORMAL).view
    running, done = (view.model_copy(update={"status": status}) for status in (Status.RUNNING, Status.COMPLETED))
    feed = open_feed()
    feed.tell(running, tenant.id)
    feed.tell(done, tenant.id)
    eventually(lambda: events(broker), "the event")
    assert events(broker) == ["job.completed"]
    assert orjson.loads(broker.redis.get(snapshot_key(view.job_id)))["job"]["status"] == "completed"


def test_what_is_told_of_many_in_one_moment_keeps_its_order(tenant, broker, open_feed):
    """Whatever lies between; and of a job of which something newer is known already nothing is told."""
    views = [tenant.write(Priority.NORMAL).view.model_copy(update={"status": Status.RUNNING}) for _ in range(4)]
    feed, other = open_feed(), open_feed()
    other.tell(views[1].model_copy(update={"status": Status.COMPLETED}), tenant.id)
    eventually(lambda: events(broker) == ["job.completed"], "what is newer")
    for view in views[:3]:
        feed.tell(view, tenant.id)
    feed.tell_log(views[0].job_id, tenant.id, {"event": "between"})
    feed.tell(views[3], tenant.id)
    feed.close()
    assert events(broker) == ["job.completed", "job.running", "job.running", "job.log", "job.running"]
    told = [orjson.loads(broker.redis.get(snapshot_key(view.job_id)))["job"] for view in views]
    assert [job["status"] for job in told] == ["running", "completed", "running", "running"]
    assert [job["job_id"] for job in told] == [str(view.job_id) for view in views]


def test_redis_is_not_held_up_by_very_many(tenant, open_feed, monkeypatch):
    """It does nothing else while it takes a command: what comes together is sent in several."""
    feed, sent = open_feed(), []
    monkeypatch.setattr(feed, "_send_all", sent.append)
    view = tenant.write(Priority.NORMAL).view.model_copy(update={"status": Status.RUNNING})
    for _ in range(MOST_AT_ONCE + 1):
        feed.tell(view.model_copy(update={"job_id": uuid4()}), tenant.id)
    feed.close()
    assert sum(map(len, sent)) == MOST_AT_ONCE + 1
    assert max(map(len, sent)) <= MOST_AT_ONCE


def test_a_new_job_has_no_snapshot(tenant, broker, open_feed):
    """Its state may be old when it gets there, and the ledger knows as much: who asks is answered from there."""
    view = tenant.write(Priority.NORMAL).view
    open_feed().tell(view, tenant.id)
    eventually(lambda: events(broker) == ["job.queued"], "the event")
    assert broker.redis.get(snapshot_key(view.job_id)) is None


def test_closing_sends_what_waits(tenant, broker, open_feed):
    """A process that ends in order takes nothing with it."""
    view = tenant.write(Priority.NORMAL).view.model_copy(update={"status": Status.FAILED})
    feed = open_feed()
    feed.tell(view, tenant.id)
    feed.close()
    assert events(broker) == ["job.failed"]


def test_a_redis_that_is_away_holds_up_nobody(tenant, open_feed, counted):
    """It is counted, and nothing is raised where the work is done."""
    before = counted("wharf_feed_errors_total")
    feed = open_feed(f"redis://{HOST}:1/0")
    feed.tell(tenant.write(Priority.NORMAL).view, tenant.id)
    eventually(lambda: counted("wharf_feed_errors_total") > before, "the count")


@pytest.fixture
def gathers_long(monkeypatch) -> None:
    """What is told waits until its feed is closed, however slow the machine is."""
    monkeypatch.setattr("wharf.common.feed.GATHER_SECONDS", 60.0)


@pytest.mark.usefixtures("gathers_long")
def test_what_is_withdrawn_is_not_told(tenant, broker, open_feed):
    """What is told of a job afterwards is."""
    one, other = (tenant.write(Priority.NORMAL).view.model_copy(update={"status": Status.RUNNING}) for _ in range(2))
    feed = open_feed()
    for view in (one, other):
        feed.tell(view, tenant.id)
        feed.withdraw(view.job_id)
    feed.tell(other.model_copy(update={"status": Status.COMPLETED}), tenant.id)
    feed.close()
    assert events(broker) == ["job.completed"]
    assert broker.redis.get(snapshot_key(one.job_id)) is None


def test_what_is_on_its_way_has_arrived_when_it_is_withdrawn(tenant, open_feed, monkeypatch):
    """But nobody waits long: progress is worth less than the work."""
    feed, begun, arrives, arrived = open_feed(), Event(), Event(), Event()

    def slowly(_news: object) -> None:
        begun.set()
        arrives.wait(10)
        arrived.set()

    monkeypatch.setattr(feed, "_send_all", slowly)
    view = tenant.write(Priority.NORMAL).view.model_copy(update={"status": Status.RUNNING})
    feed.tell(view, tenant.id)
    assert begun.wait(10)
    feed.withdraw(view.job_id)
    assert not arrived.is_set()
    monkeypatch.setattr("wharf.common.feed.ARRIVAL_SECONDS", 10.0)
    Timer(0.1, arrives.set).start()
    feed.withdraw(view.job_id)
    assert arrived.is_set()


@pytest.mark.usefixtures("gathers_long")
def test_who_has_seen_the_end_never_sees_it_run_again(ledger, tenant, storage, broker, open_feed, monkeypatch):
    """Whatever is sent between the end in the ledger and the telling of it: none of it says that the job runs."""
    feed, job_id, seen = open_feed(), tenant.submit(), []

    def look(name: str) -> None:
        if name == Point.AFTER_END:
            feed.close()  # sends what waits
            status = ledger.ask("SELECT status FROM wharf.jobs WHERE id = %s", job_id)[0]["status"]
            seen.append((status, broker.redis.get(snapshot_key(job_id))))

    monkeypatch.setattr(points, "hook", look)
    heart = Heart(ledger.app, LeaveSign(), 600)
    runner = Runner(ledger.app, storage, feed, heart, "w", 20.0, Voice(ledger.app, feed))
    runner.run(Implementation(ECHO, lambda _context: {}), job_id, 1)
    assert seen == [("completed", None)]
