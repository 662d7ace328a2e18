"""What one client is told, as Server-Sent Events or through a socket: a snapshot, then what happens, as it happens.

Whatever Redis loses, the ledger makes good: it is read again when something was missed, every few seconds
anyway, and every second while Redis is away.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from wharf.common.clock import now
from wharf.common.errors import NotFound
from wharf.common.feed import version_of
from wharf.common.jobs.view import JobView
from wharf.common.logs import get_logger
from wharf.gateway.authentication import Member
from wharf.gateway.events import START, Events, Happening, Subscription, order_of
from wharf.gateway.jobs import find_job, live_jobs
from wharf.gateway.resources import Resources

MOST_REMEMBERED = 5000
WITHIN_A_STATE = frozenset({"job.progress", "job.log"})
MOST_SHOWN = 1000
"""Jobs in the first picture of a tenant's stream; the list has them all."""
OVERLAP = timedelta(seconds=30)
"""How far back a picture looks for jobs that ended: clocks of gateway and ledger may differ."""
SIGN_OF_LIFE = b":\n"
"""A comment, without the empty line that some clients take for an event."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a client is told: the event's type, its place in Redis' stream, the job or the line as JSON."""

    type: str
    id: str
    data: bytes


class Ending(Enum):
    """Why a stream is over."""

    JOB_ENDED = auto()
    KEY_ENDED = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True)
class Told:
    """What a client knows of a job: its version, and what the ledger said the last time."""

    version: int
    picture: int | None = None


class Due:
    """Something to do every so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Count from now on."""
        self._at = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        """Seconds to go."""
        return max(self._at - time.monotonic(), 0.0)

    def take(self) -> bool:
        """Whether it is time; if so the next time is counted from now."""
        due = not self.left
        if due:
            self.renew()
        return due


class Stream:
    """What one client is told. `job_id` is None for all jobs that the key may see."""

    def __init__(
        self, resources: Resources, member: Member, job_id: UUID | None, *, key: str, resume_at: str | None = None
    ) -> None:
        self.ending = Ending.JOB_ENDED
        self._resources = resources
        self._settings = resources.settings
        self._events: Events = resources.events
        self._member = member
        self._job_id = job_id
        self._key = key
        self._resume_at = resume_at
        self._told: OrderedDict[UUID, Told] = OrderedDict()
        self._pictured_at: datetime | None = None
        self._caught_up_to = order_of(START)
        self._done = False

    async def items(self) -> AsyncGenerator[Item | None]:
        """Yield the stream, piece by piece, to its end; None is a sign of life."""
        with self._events.watch(self._member.tenant_id, self._job_id) as subscription:
            await self._events.awake()
            if not self._resume_at:
                for item in await self._picture():
                    yield item
            else:
                async for item in self._catch_up(self._resume_at):
                    yield item
            async for told in self._live(subscription):
                yield told

    async def _catch_up(self, entry_id: str) -> AsyncIterator[Item]:
        """What was missed, from Redis; then what the ledger knows beyond that. The ledger alone says what is over."""
        complete = True
        try:
            async for happening in self._events.since(entry_id, self._member.tenant_id, self._job_id):
                self._caught_up_to = order_of(happening.id)
                for item in await self._items_of(happening):
                    yield item
        except LookupError:
            complete = False
        self._done = False
        # A client that has caught up knows the state of a job of which nothing new was found, unless it has ended.
        for item in await self._picture(known=complete):
            yield item

    async def _live(self, subscription: Subscription) -> AsyncIterator[Item | None]:
        settings = self._settings
        sign, check = Due(settings.events_keepalive_seconds), Due(settings.events_recheck_seconds)
        poll = Due(settings.events_poll_seconds)
        while not self._done:
            waits = (sign.left, check.left) if self._events.alive else (sign.left, check.left, poll.left)
            happening = await subscription.next(min(waits))
            items: list[Item | None] = []
            if happening and self._is_new(happening):
                items += await self._items_of(happening)
            if subscription.closed:
                self.ending = Ending.STOPPED
                return
            if subscription.take_missed() or (not self._events.alive and poll.take()):
                items += await self._picture()
            if check.take():
                if not await self._still_allowed():
                    self.ending = Ending.KEY_ENDED
                    return
                items += await self._picture()
            if sign.take():
                items.append(None)
            for item in items:
                yield item
            if items:
                sign.renew()

    def _is_new(self, happening: Happening) -> bool:
        """What was caught up on also waited in the queue."""
        return order_of(happening.id) > self._caught_up_to

    async def _still_allowed(self) -> bool:
        try:
            return await self._resources.keys.find(self._key, used=False) is not None
        except (DBAPIError, PoolTimeout):
            # Nobody can say: the next check will.
            return True

    async def _items_of(self, happening: Happening) -> list[Item]:
        """What a happening tells, if this client may see it and does not know better already."""
        if happening.data is None:
            return await self._ask(happening)
        if not self._may_see(happening) or self._is_old_news(happening):
            return []
        if happening.version is not None and not self._tell(happening.job_id, happening.version):
            return []
        self._note_end(ended=happening.ended)
        return [Item(happening.type, happening.id, happening.data)]

    def _is_old_news(self, happening: Happening) -> bool:
        """The state that the client was shown from the ledger, told once more."""
        told = self._told.get(happening.job_id)
        return told is not None and told.version == happening.version and happening.type not in WITHIN_A_STATE

    def _may_see(self, happening: Happening) -> bool:
        if happening.project_id is not None:
            return self._member.sees(happening.project_id)
        # A log line names no project: it may be seen if its job could be.
        return self._member.project_id is None or happening.job_id in self._told

    async def _ask(self, happening: Happening) -> list[Item]:
        """A job moved, told by someone who may not see the job itself."""
        try:
            view = await self._from_ledger(happening.job_id)
        except NotFound:
            return []
        return self._items_for(view, happening.id) if view else []

    async def _picture(self, *, known: bool = False) -> list[Item]:
        """What the ledger knows, where that is more than the client does; `known` jobs that go on are no news."""
        position = self._events.position
        views = await self._ledger_views()
        for view in views:
            if known and not view.ended and view.job_id not in self._told:
                self._tell(view.job_id, version_of(view.attempt, view.status))
        return [item for view in views for item in self._items_for(view, position)]

    async def _ledger_views(self) -> list[JobView]:
        if self._job_id is not None:
            view = await self._from_ledger(self._job_id)
            return [view] if view else []
        since, begun = self._pictured_at, now()
        views = await _if_there(lambda: run_in_threadpool(self._load_live, since))
        if views is not None:
            self._pictured_at = begun - OVERLAP
        return views or []

    async def _from_ledger(self, job_id: UUID) -> JobView | None:
        return await _if_there(lambda: run_in_threadpool(self._load, job_id))

    def _load(self, job_id: UUID) -> JobView:
        with self._resources.database.tenant(self._member.tenant_id) as connection:
            return find_job(connection, self._member, job_id)

    def _load_live(self, since: datetime | None) -> list[JobView]:
        with self._resources.database.tenant(self._member.tenant_id) as connection:
            return live_jobs(connection, self._member, since, MOST_SHOWN)

    def _items_for(self, view: JobView, entry_id: str) -> list[Item]:
        """The ledger's progress is that of the last checkpoint: while Redis tells better, only its states count."""
        data = view.model_dump_json().encode()
        version, picture = version_of(view.attempt, view.status), hash(data)
        told = self._told.get(view.job_id)
        self._note_end(ended=view.ended)
        news = told is None or version > told.version
        moved = told is not None and version == told.version and told.picture not in {None, picture}
        if not self._tell(view.job_id, version, picture) or not (news or (moved and not self._events.alive)):
            return []
        return [Item(f"job.{view.status}", entry_id, data)]

    def _tell(self, job_id: UUID, version: int, picture: int | None = None) -> bool:
        """Remember that the client knows this; False where it knows something later."""
        told = self._told.get(job_id)
        if told is not None and version < told.version:
            return False
        self._told[job_id] = Told(version, picture if picture is not None or told is None else told.picture)
        self._told.move_to_end(job_id)
        while len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)
        return True

    def _note_end(self, *, ended: bool) -> None:
        self._done = self._done or (ended and self._job_id is not None)


class EventStream(StreamingResponse):
    """The answer that a stream is. It is closed with its request, not when memory is next tidied up."""

    def __init__(self, stream: Stream) -> None:
        self._frames = _frames(stream)
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(self._frames, media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the end, or until the client goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._frames.aclose()


async def _if_there(ask: Callable[[], Awaitable[T]]) -> T | None:
    """What the ledger answers, or None while it does not answer: a stream outlives that."""
    try:
        return await ask()
    except (DBAPIError, PoolTimeout) as error:
        get_logger().warning("ledger.unavailable", error=type(error).__name__)
        return None


async def _frames(stream: Stream) -> AsyncGenerator[bytes]:
    async with aclosing(stream.items()) as items:
        async for item in items:
            yield SIGN_OF_LIFE if item is None else _frame(item)


def _frame(item: Item) -> bytes:
    return f"event: {item.type}\nid: {item.id}\ndata: ".encode() + item.data + b"\n\n"
