"""Server-Sent Events: a snapshot, then what happens, to those who may know, whatever becomes of Redis."""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from wharf.common.access import Role
from wharf.common.feed import STREAM, Feed
from wharf.common.jobs.states import Status
from wharf.gateway.authentication import member
from wharf.gateway.events import CAPACITY, Happening, Item, Subscription
from wharf.gateway.pictures import Pictured
from wharf.gateway.streams import Stream

DEADLINE = 20.0


@dataclass
class Event:
    type: str = ""
    id: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class Watcher:
    """A client that reads a stream in a thread of its own."""

    def __init__(self, client: httpx.Client, path: str, headers: dict[str, str]) -> None:
        self.seen: queue.Queue[Event | None] = queue.Queue()
        self.comments = threading.Event()
        self.status = 0
        self.media = ""
        self._answered = threading.Event()
        self._client, self._path, self._headers = client, path, headers
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self._answered.wait(DEADLINE)

    def _read(self) -> None:
        try:
            with self._client.stream("GET", self._path, headers=self._headers) as answer:
                self.status, self.media = answer.status_code, answer.headers["content-type"]
                self._answered.set()
                event = Event()
                for line in answer.iter_lines():
                    event = self._take(line, event)
        except httpx.HTTPError:
            self._answered.set()
        self.seen.put(None)

    def _take(self, line: str, event: Event) -> Event:
        name, _, value = line.partition(": ")
        if not line:
            self.seen.put(event)
            return Event()
        if line.startswith(":"):
            self.comments.set()
        elif name == "data":
            event.data = json.loads(value)
        else:
            setattr(event, {"event": "type"}.get(name, name), value)
        return event

    def next(self) -> Event:
        """The next event; fails when the stream has ended."""
        found = self.seen.get(timeout=DEADLINE)
        assert found is not None, "the stream has ended"
        return found

    def ended(self) -> bool:
        """Whether nothing but the end comes now."""
        return self.seen.get(timeout=DEADLINE) is None

    def rest(self) -> list[Event]:
        """All events to the end."""
        return list(iter(lambda: self.seen.get(timeout=DEADLINE), None))


@pytest.fixture
def watch(tenant) -> Iterator[Callable[..., Watcher]]:
    """Watch a stream as a client with that key."""
    with ExitStack() as stack:

        def start(path: str, *, key: str | None = None, url: str | None = None, **headers: str) -> Watcher:
            given = {"Authorization": f"Bearer {key or tenant.keys['viewer']}", **headers}
            client = httpx.Client(base_url=url or tenant.gateway.url, timeout=DEADLINE)
            watcher = Watcher(client, path, given)
            stack.callback(client.close)
            stack.callback(stop, client)
            return watcher

        yield start


def stop(client: httpx.Client) -> None:
    """Close what a reading thread holds open, so that the thread ends."""
    for connection in client._transport._pool.connections:
        inner = getattr(connection._connection, "_network_stream", None)
        if inner is not None:
            with socket.socket(fileno=socket.dup(inner.get_extra_info("socket").fileno())) as twin:
                shut(twin)


def events_of(job) -> str:
    return f"/api/v1/jobs/{job.job_id}/events"


def test_a_stream_begins_with_the_ledger_and_ends_with_the_job(tenant, watch):
    """First what the job is like now, then what happens to it, each with the job's JSON; then the stream ends."""
    job = tenant.job()
    watcher = watch(events_of(job))
    assert (watcher.status, watcher.media.split(";")[0]) == (200, "text/event-stream")
    first = watcher.next()
    assert (first.type, first.data["job_id"], first.data["status"]) == ("job.queued", str(job.job_id), "queued")
    running = tenant.move(job, status="running", started_at=datetime.now(UTC))
    assert watcher.next().type == "job.running"
    half = running.model_copy(update={"progress": running.progress.model_copy(update={"current": 5, "percent": 50.0})})
    tenant.feed.tell(half, tenant.id, "job.progress")
    told = watcher.next()
    assert (told.type, told.data["progress"]["percent"]) == ("job.progress", 50.0)
    tenant.feed.tell_log(job.job_id, tenant.id, {"level": "info", "event": "import.merged", "fields": {"rows": 5}})
    line = watcher.next()
    assert (line.type, line.data["event"], line.data["job_id"]) == ("job.log", "import.merged", str(job.job_id))
    tenant.move(running, status="completed", result=json.dumps({"rows_read": 5}))
    last = watcher.next()
    assert (last.type, last.data["result"]) == ("job.completed", {"rows_read": 5})
    assert watcher.ended()


def test_a_stream_of_an_ended_job_is_its_end(tenant, watch):
    """One event, and the end."""
    job = tenant.move(tenant.job(), tell=False, status="completed")
    (only,) = watch(events_of(job)).rest()
    assert only.type == "job.completed"


def test_last_event_id_goes_on_where_the_client_was(tenant, watch):
    """What happened in between comes in its order, each once, and nothing of before."""
    job = tenant.job()
    first = watch(events_of(job)).next()
    running = tenant.move(job, status="running")
    for nth in (1, 2, 3):
        tenant.feed.tell_log(job.job_id, tenant.id, {"level": "info", "event": f"step.{nth}"})
    resumed = watch(events_of(job), **{"Last-Event-ID": first.id})
    shown = [resumed.next() for _ in range(4)]
    assert [e.type for e in shown] == ["job.running", "job.log", "job.log", "job.log"]
    assert [e.data.get("event") for e in shown[1:]] == ["step.1", "step.2", "step.3"]
    later = watch(events_of(job), **{"Last-Event-ID": shown[2].id})
    assert later.next().data["event"] == "step.3"
    tenant.move(running, status="failed")
    assert [e.type for e in resumed.rest()] == ["job.failed"]
    assert [e.type for e in later.rest()] == ["job.failed"]


def test_resuming_past_a_retry_does_not_end_the_stream(tenant, watch):
    """The end of an earlier attempt, seen again, is not the job's end."""
    job = tenant.job()
    first = watch(events_of(job)).next()
    tenant.move(job, status="failed")
    again = tenant.move(job, status="queued", attempt=2)
    resumed = watch(events_of(job), **{"Last-Event-ID": first.id})
    assert [resumed.next().type for _ in range(2)] == ["job.failed", "job.queued"]
    tenant.move(again, status="completed")
    assert [e.type for e in resumed.rest()] == ["job.completed"]


@pytest.mark.parametrize("stale", ["1-0", "nonsense", "99999999999999999999999999999999999999999999-1"])
def test_an_id_that_redis_no_longer_knows_begins_anew(tenant, watch, stale):
    """A gap is filled by the ledger's picture."""
    job = tenant.move(tenant.job(), tell=False, status="running")
    assert watch(events_of(job), **{"Last-Event-ID": stale}).next().type == "job.running"


def test_a_job_moved_by_the_dispatcher_is_looked_up(tenant, watch):
    """Who may not see a job tells only that it moved: the stream brings the job all the same."""
    job = tenant.move(tenant.job(), tell=False, status="running")
    watcher = watch(events_of(job))
    watcher.next()
    moved = tenant.move(job, tell=False, status="queued", attempt=2)
    tenant.feed.tell_moved(job.job_id, tenant.id, moved.attempt, moved.status)
    told = watcher.next()
    assert (told.type, told.data["attempt"], told.data["label"]) == ("job.queued", 2, "sales.csv")


def test_what_is_late_is_not_told(tenant, watch, backend):
    """An event of an attempt that has been overtaken does not take the client back."""
    job = tenant.move(tenant.job(), status="running", attempt=2)
    watcher = watch(events_of(job))
    watcher.next()
    with redis.Redis.from_url(backend.redis_url) as client:
        late = job.model_copy(update={"attempt": 1})
        document = {"version": 11, "tenant_id": str(tenant.id), "job": late.model_dump(mode="json")}
        client.xadd(STREAM, {"type": "job.running", "data": json.dumps(document)})
    tenant.move(job, status="completed")
    assert [e.data["attempt"] for e in watcher.rest()] == [2]


def test_all_jobs_of_a_tenant_and_of_no_other(make_tenant, watch, tenant):
    """The tenant's stream begins with its live jobs and brings what happens to all of them, and nothing of others."""
    stranger = make_tenant()
    ended, live = tenant.move(tenant.job(), status="completed"), tenant.job()
    watcher = watch("/api/v1/events")
    assert watcher.next().data["job_id"] == str(live.job_id)
    theirs = stranger.job()
    stranger.feed.tell(theirs, stranger.id)
    stranger.feed.tell_log(theirs.job_id, stranger.id, {"level": "info", "event": "secret"})
    new = tenant.job()
    tenant.feed.tell(new, tenant.id)
    assert watcher.next().data["job_id"] == str(new.job_id) != str(ended.job_id)
    tenant.move(live, status="completed")
    assert watcher.next().type == "job.completed"


def test_a_key_of_one_project_hears_of_no_other(tenant, watch):
    """Neither jobs nor log lines of another project reach its stream."""
    key = tenant.key("viewer", project_id="p1")["key"]
    other = tenant.job(project_id="p2")
    watcher = watch("/api/v1/events", key=key)
    tenant.feed.tell(other, tenant.id)
    tenant.feed.tell_log(other.job_id, tenant.id, {"level": "info", "event": "secret"})
    own = tenant.job(project_id="p1")
    tenant.feed.tell(own, tenant.id)
    tenant.feed.tell_log(own.job_id, tenant.id, {"level": "info", "event": "mine"})
    assert watcher.next().data["job_id"] == str(own.job_id)
    assert watcher.next().data["event"] == "mine"


def test_a_revoked_key_ends_its_stream(tenant, watch, api):
    """A long connection is not a way around: the key is looked up again."""
    made = tenant.key(Role.VIEWER)
    watcher = watch("/api/v1/events", key=made["key"])
    assert watcher.status == 200
    api.delete(f"/api/v1/keys/{made['id']}")
    assert watcher.ended()


def test_a_stream_with_nothing_to_say_shows_that_it_lives(tenant, watch, serve):
    """A comment now and then, which no client takes for an event."""
    quick = serve(events_keepalive_seconds=0.1)
    watcher = watch("/api/v1/events", url=quick.url)
    assert watcher.comments.wait(DEADLINE)
    job = tenant.job()
    tenant.feed.tell(job, tenant.id)
    assert watcher.next().data["job_id"] == str(job.job_id)


def test_without_redis_streams_still_finish(tenant, watch, serve):
    """The ledger is asked instead: start, progress of the last checkpoint, end."""
    alone = serve(WHARF_REDIS_URL="redis://127.0.0.1:1/0")
    job = tenant.job()
    watcher = watch(events_of(job), url=alone.url)
    assert watcher.next().type == "job.queued"
    tenant.move(job, tell=False, status="running")
    assert watcher.next().type == "job.running"
    tenant.move(job, tell=False, progress=json.dumps({"current": 7, "unit": "rows", "stage": "loading"}))
    assert watcher.next().data["progress"]["current"] == 7
    tenant.move(job, tell=False, status="completed")
    assert [e.type for e in watcher.rest()] == ["job.completed"]


class Wire:
    """A way to Redis that can be cut and mended."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 6379)
        self._listener = socket.create_server(("127.0.0.1", 0))
        login, at, _ = parts.netloc.rpartition("@")
        self.url = parts._replace(netloc=f"{login}{at}127.0.0.1:{self._listener.getsockname()[1]}").geturl()
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        self.whole = True

    def cut(self) -> None:
        self.whole = False
        for end in self._ends:
            shut(end)

    def close(self) -> None:
        self.cut()
        shut(self._listener)
        for thread in self._threads:
            thread.join(DEADLINE)
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._ends.append(near)
                if self.whole:
                    self._join(near, socket.create_connection(self._target))
                else:
                    shut(near)

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        self._ends.append(far)
        for pair in ((near, far), (far, near)):
            thread = threading.Thread(target=pump, args=pair, daemon=True)
            self._threads.append(thread)
            thread.start()


def shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    shut(source)
    shut(sink)


def test_redis_may_go_and_come_back(tenant, watch, serve, backend, eventually):
    """While it is away the ledger is asked; when it is back what happens is told live again, on the same stream."""
    with closing(Wire(backend.redis_url)) as wire:
        cut_off = serve(WHARF_REDIS_URL=wire.url, events_recheck_seconds=300)
        eventually(lambda: cut_off.resources.events.alive, "the gateway's ear")
        job = tenant.job()
        watcher = watch(events_of(job), url=cut_off.url)
        assert watcher.next().type == "job.queued"
        wire.cut()
        running = tenant.move(job, tell=False, status="running")
        assert watcher.next().type == "job.running"
        wire.whole = True
        eventually(lambda: cut_off.resources.events.alive, "the gateway's ear")
        tenant.feed.tell(running, tenant.id, "job.progress")
        assert watcher.next().type == "job.progress"
        tenant.move(job, status="completed")
        assert [e.type for e in watcher.rest()] == ["job.completed"]
        cut_off.stop()


def test_a_client_that_goes_away_is_forgotten(tenant, serve, eventually):
    """Nothing is put aside for who no longer watches."""
    own = serve()
    with tenant.client(url=own.url) as client, client.stream("GET", "/api/v1/events") as answer:
        assert answer.status_code == 200
        eventually(lambda: len(own.resources.events._everyone()) == 1, "the subscription")
    eventually(lambda: own.resources.events._everyone() == [], "the subscription's end")


def test_what_redis_never_heard_is_told_all_the_same(tenant, watch):
    """An end that only the ledger knows, because its event was lost, ends the stream at the next look."""
    job = tenant.job()
    watcher = watch(events_of(job))
    watcher.next()
    tenant.move(job, tell=False, status="completed")
    assert [e.type for e in watcher.rest()] == ["job.completed"]


def test_a_slow_client_is_dropped_to_the_ledger(tenant, gateway):
    """Its queue is bounded: beyond that it is emptied, and the client knows that it has to look again."""
    item = Item("job.progress", "1-1", b"{}")
    happening = Happening(item.id, item.type, (1, 1), 0.0, tenant.id, tenant.id, "default", 11, item)

    async def flood() -> tuple[int, bool, bool]:
        subscription = Subscription(tenant.id, None)
        for _ in range(CAPACITY * 3 + 10):
            subscription.offer(happening)
        waiting = len(subscription._waiting)
        return waiting, subscription.take_missed(), subscription.take_missed()

    waiting, missed, still = asyncio.run(flood())
    assert waiting <= CAPACITY
    assert (missed, still) == (True, False)


def test_an_end_that_was_retried_since_ends_no_stream(tenant):
    """A look may be another stream's, of a moment ago: what the client was told since then counts."""
    failed = tenant.move(tenant.job(), tell=False, status="failed")
    again = failed.model_copy(update={"status": Status.QUEUED, "attempt": failed.attempt + 1})
    stream = Stream(tenant.gateway.resources, member(tenant.caller("viewer")), failed.job_id, key="")
    told = [stream._items_for(Pictured(view, view.model_dump_json().encode()), "1-1") for view in (again, failed)]
    assert [[item.type for item in items] for items in told] == [["job.queued"], []]
    assert not stream._done


def test_a_client_that_does_not_read_gets_the_end_all_the_same(tenant, gateway, backend, eventually):
    """It stops reading while thousands of events pass, and then finds the job's end without all of them."""
    job = tenant.move(tenant.job(), status="running")
    target = urlsplit(gateway.url)
    big = job.model_copy(update={"label": "x" * 4000})
    with socket.create_connection((target.hostname, target.port), timeout=DEADLINE) as connection:
        key = tenant.keys["viewer"]
        connection.sendall(f"GET {events_of(job)} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n".encode())
        assert b"200 OK" in connection.recv(200)
        feed = Feed(backend.redis_url)
        for _ in range(6000):
            feed.tell(big, tenant.id, "job.progress")
        tenant.move(job, status="completed")
        eventually(lambda: heard_all(gateway, backend), "the gateway's ear")
        received = read_to_end(connection)
    assert b"event: job.completed" in received
    assert received.count(b"event: job.progress") < 6000


def heard_all(gateway, backend) -> bool:
    with redis.Redis.from_url(backend.redis_url) as client:
        newest = client.xrevrange(STREAM, count=1)[0][0].decode()
    return bool(gateway.resources.events.position == newest)


def read_to_end(connection: socket.socket) -> bytes:
    """To the end of the chunked answer."""
    received = bytearray()
    while not received.endswith(b"\r\n0\r\n\r\n"):
        received += connection.recv(2**20)
    return bytes(received)


def test_streams_have_a_limit(tenant, watch, serve):
    """Beyond it the answer is 503, with the time after which to try again."""
    narrow = serve(events_max_streams=1)
    assert watch("/api/v1/events", url=narrow.url).status == 200
    assert watch(events_of(tenant.job()), url=narrow.url).status == 503
    with tenant.client(url=narrow.url) as client:
        answer = client.get("/api/v1/events")
    assert (answer.json()["code"], "retry-after" in answer.headers) == ("too_many_streams", True)


def test_open_streams_do_not_hold_up_the_stop(tenant, watch, serve):
    """A gateway that is asked to stop ends its streams first."""
    stopping = serve(stop_seconds=60)
    watcher = watch("/api/v1/events", url=stopping.url)
    assert watcher.status == 200
    stopping.stop()
    assert watcher.ended()
