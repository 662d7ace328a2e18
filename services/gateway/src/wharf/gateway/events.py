"""What happens to jobs, heard once per process from Redis and handed to everyone here who watches.

Nobody who is slow holds up anybody: who does not keep up loses what waits for them and reads the ledger again.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from wharf.common.errors import Transient
from wharf.common.feed import STREAM
from wharf.common.jobs.states import ENDED
from wharf.common.logs import get_logger

CAPACITY = 256
"""Happenings that wait for one client; a job tells of itself at most four times a second."""
BLOCK_MILLIS = 500
ANSWER_SECONDS = 1.0
PAUSE_SECONDS = 0.5
CHUNK = 500
GATHER_SECONDS = 0.03
"""Happenings that come together are read together: a reading for each would keep the process busy."""
IDLE_SECONDS = 0.5
"""How often the stream's end is looked at while nobody watches."""
START = "0-0"
Entries = Any
"""A list of pairs: id, fields. (The client types it as whatever any protocol and any decoding may bring.)"""


@dataclass(frozen=True)
class Item:
    """One thing that clients are told: the event's type, its place in Redis' stream, the job or the line as JSON."""

    type: str
    id: str
    data: bytes

    @cached_property
    def frame(self) -> bytes:
        """As a Server-Sent Event: written once, whoever many are told."""
        return f"event: {self.type}\nid: {self.id}\ndata: ".encode() + self.data + b"\n\n"


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry of the stream, read once for all who watch. Without `item` the ledger knows what the job is like.

    `heard` is when it was read, on this process' monotonic clock.
    """

    id: str
    type: str
    order: tuple[int, int]
    heard: float
    tenant_id: UUID
    job_id: UUID
    project_id: str | None
    version: int | None
    item: Item | None
    ended: bool = False

    @classmethod
    def parse(cls, entry_id: bytes, fields: dict[bytes, bytes]) -> Happening:
        """Read what `Feed` wrote; raises ValueError or KeyError for what it did not write."""
        document = orjson.loads(fields[b"data"])
        job: dict[str, Any] | None = document["job"]
        job_id = UUID(job["job_id"] if job else document["job_id"])
        line = document.get("line")
        shown = job or (line and {"job_id": job_id, **line})
        place, kind = entry_id.decode(), fields[b"type"].decode()
        return cls(
            id=place,
            type=kind,
            order=order_of(place),
            heard=time.monotonic(),
            tenant_id=UUID(document["tenant_id"]),
            job_id=job_id,
            project_id=job["project_id"] if job else None,
            version=document.get("version"),
            item=Item(kind, place, orjson.dumps(shown)) if shown else None,
            ended=job is not None and job["status"] in ENDED,
        )


class Subscription:
    """What waits for one client: of one tenant, perhaps of one job."""

    def __init__(self, tenant_id: UUID, job_id: UUID | None) -> None:
        self.tenant_id = tenant_id
        self.closed = False
        self._job_id = job_id
        self._waiting: deque[Happening] = deque()
        self._missed = False
        self._bell = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: float | None = None

    def offer(self, happening: Happening) -> None:
        """Put a happening into the queue if it is of this client's job; a full queue is given up."""
        if self._job_id is not None and self._job_id != happening.job_id:
            return
        if len(self._waiting) >= CAPACITY:
            self.miss()
        self._waiting.append(happening)
        self._bell.set()

    def miss(self) -> None:
        """Something may have been missed: what waits is worth nothing, the ledger has to be read again."""
        self._waiting.clear()
        self._missed = True
        self._bell.set()

    def close(self) -> None:
        """The process stops, or the client has gone."""
        self.closed = True
        self._bell.set()
        if self._alarm is not None:
            self._alarm.cancel()

    def take_missed(self) -> bool:
        """Whether something was missed since the last time that this was asked."""
        missed, self._missed = self._missed, False
        return missed

    async def take(self, seconds: float) -> Sequence[Happening]:
        """All that waits, as soon as something does; nothing after that time, or when something else is to be done."""
        if not self._waiting and not self._missed and not self.closed:
            await self._ring_within(seconds)
        taken, self._waiting = self._waiting, deque()
        return taken

    async def _ring_within(self, seconds: float) -> None:
        self._bell.clear()
        self._set_alarm(asyncio.get_running_loop(), seconds)
        await self._bell.wait()

    def _set_alarm(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """The bell rings by itself then, or earlier: an alarm for each happening and client would cost more than it."""
        at = loop.time() + seconds
        if self._alarm_at is None or self._alarm_at > at:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm, self._alarm_at = loop.call_at(at, self._wake), at

    def _wake(self) -> None:
        # Noted here, not by the time: an alarm may come a little before it.
        self._alarm_at = None
        self._bell.set()


class Events:
    """The process' one ear on Redis."""

    def __init__(self, url: str, *, limit: int) -> None:
        self.alive = False
        """Whether Redis answered the last time."""
        self.position = START
        """The id of the last entry that was handed on."""
        self._redis = Redis.from_url(
            url,
            protocol=2,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=1.0,
            # Waiting is ours: streams have to learn at once that Redis is away.
            retry=Retry(NoBackoff(), 0),
        )
        self._limit = limit
        self._at_the_door = 0
        self._watching: defaultdict[UUID, set[Subscription]] = defaultdict(set)
        self._somebody, self._awake = asyncio.Event(), asyncio.Event()
        self._stopping = False

    async def listen(self) -> None:
        """Hear and hand on, until stopped. An error of Redis is waited out."""
        # Not for ever: the client may answer a cancel that comes while it connects with an error of its own.
        while not self._stopping:
            try:
                await self._listen_once()
            except (RedisError, OSError) as error:
                if self.alive:
                    get_logger().warning("events.unavailable", error=type(error).__name__)
                self.alive = False
                await asyncio.sleep(PAUSE_SECONDS)

    def check_room(self) -> None:
        """Raise `Transient` when this process has as many streams as it may."""
        if self._stopping or sum(map(len, self._watching.values())) + self._at_the_door >= self._limit:
            message = "This server has no room for another stream of events. Try again in a moment, or poll the job."
            raise Transient(message, code="too_many_streams")

    @contextmanager
    def at_the_door(self) -> Iterator[None]:
        """Count a client that has not said who it is as a stream: they are bounded together."""
        self._at_the_door += 1
        try:
            yield
        finally:
            self._at_the_door -= 1

    @contextmanager
    def watch(self, tenant_id: UUID, job_id: UUID | None) -> Iterator[Subscription]:
        """Have what happens in a tenant, or to one of its jobs, put aside for a client."""
        subscription = Subscription(tenant_id, job_id)
        subscription.closed = self._stopping
        self._watching[tenant_id].add(subscription)
        self._somebody.set()
        try:
            yield subscription
        finally:
            subscription.close()
            watching = self._watching[tenant_id]
            watching.discard(subscription)
            if not watching:
                del self._watching[tenant_id]

    async def awake(self) -> None:
        """Return when what happens from now on is heard; at once while Redis is away."""
        if self.alive:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), ANSWER_SECONDS)

    async def since(self, entry_id: str, tenant_id: UUID, job_id: UUID | None) -> AsyncIterator[Happening]:
        """What happened after that entry. Raises `LookupError` where Redis no longer knows all of it, or is away."""
        try:
            await self._check_kept(entry_id)
            async for happening in self._range(entry_id):
                if happening.tenant_id == tenant_id and job_id in {None, happening.job_id}:
                    yield happening
        except (RedisError, OSError) as error:
            raise LookupError(entry_id) from error

    def stop(self) -> None:
        """End all streams: the process is about to."""
        self._stopping = True
        for subscription in self._everyone():
            subscription.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._redis.aclose()

    def _everyone(self) -> list[Subscription]:
        return [one for watching in self._watching.values() for one in watching]

    async def _listen_once(self) -> None:
        if not self.alive:
            await self._begin()
        if not self._watching:
            await self._idle()
            return
        self._awake.set()
        answer: Any = await self._redis.xread({STREAM: self.position}, count=CHUNK, block=BLOCK_MILLIS)
        entries: Entries = [entry for _stream, found in answer or () for entry in found]
        for entry_id, fields in entries:
            self._hand_on(entry_id, fields)
        if len(entries) > 1:
            await asyncio.sleep(GATHER_SECONDS)

    async def _idle(self) -> None:
        """Nobody watches: nothing is read, only how far the stream is."""
        self._awake.clear()
        self._somebody.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._somebody.wait(), IDLE_SECONDS)
        # What came before is in the ledger, which whoever came reads after this.
        self.position = await self._newest()

    async def _begin(self) -> None:
        """Go on at the stream's end. What happened while Redis was away is in the ledger only."""
        self.position = await self._newest()
        self.alive = True
        for subscription in self._everyone():
            subscription.miss()

    async def _newest(self) -> str:
        newest: Entries = await self._redis.xrevrange(STREAM, count=1)
        return newest[0][0].decode() if newest else START

    def _hand_on(self, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
        self.position = entry_id.decode()
        happening = _parsed(entry_id, fields)
        if happening is not None:
            for subscription in self._watching.get(happening.tenant_id, ()):
                subscription.offer(happening)

    async def _check_kept(self, entry_id: str) -> None:
        oldest: Entries = await self._redis.xrange(STREAM, count=1)
        if not oldest or order_of(oldest[0][0].decode()) > order_of(entry_id):
            raise LookupError(entry_id)

    async def _range(self, entry_id: str) -> AsyncIterator[Happening]:
        end = self.position
        while order_of(entry_id) < order_of(end):
            entries: Entries = await self._redis.xrange(STREAM, min=f"({entry_id}", max=end, count=CHUNK)
            if not entries:
                return
            for found_id, fields in entries:
                if (happening := _parsed(found_id, fields)) is not None:
                    yield happening
            entry_id = entries[-1][0].decode()


def order_of(entry_id: str) -> tuple[int, int]:
    """What the ids of a stream sort by; raises `LookupError` for what is no such id."""
    milliseconds, _, number = entry_id.partition("-")
    if not (milliseconds.isdecimal() and number.isdecimal() and len(entry_id) <= len("18446744073709551615") * 2):
        raise LookupError(entry_id)
    return int(milliseconds), int(number)


def _parsed(entry_id: bytes, fields: dict[bytes, bytes]) -> Happening | None:
    try:
        return Happening.parse(entry_id, fields)
    except (ValueError, KeyError, TypeError):
        get_logger().warning("events.unreadable", entry=entry_id.decode())
        return None
