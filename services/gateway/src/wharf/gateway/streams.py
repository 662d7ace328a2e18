"""What one client is told, as Server-Sent Events or through a socket: a snapshot, then what happens, as it happens.

Whatever Redis loses, the ledger makes good: it is read again when something was missed, every few seconds
anyway, and every second while Redis is away.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from wharf.common.errors import NotFound
from wharf.common.feed import version_of
from wharf.common.logs import get_logger
from wharf.gateway.authentication import Member
from wharf.gateway.events import START, Events, Happening, Item, Subscription, order_of
from wharf.gateway.pictures import Pictured, Pictures
from wharf.gateway.readings import KEPT_SECONDS
from wharf.gateway.resources import Resources

MOST_REMEMBERED = 5000
WITHIN_A_STATE = frozenset({"job.progress", "job.log"})
SIGN_OF_LIFE = b":\n"
"""A comment, without the empty line that some clients take for an event."""


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
        self._pictures = Pictures(resources.database, resources.readings)
        self._member = member
        self._job_id = job_id
        self._key = key
        self._resume_at = resume_at
        self._told: OrderedDict[UUID, Told] = OrderedDict()
        self._pictured_at: datetime | None = None
        self._caught_up_to = order_of(START)
        self._done = False

    async def items(self) -> AsyncGenerator[Sequence[Item]]:
        """Yield the stream, what comes together at once, to its end; nothing at all is a sign of life."""
        with self._events.watch(self._member.tenant_id, self._job_id) as subscription:
            await self._events.awake()
            if not self._resume_at:
                if first := await self._picture():
                    yield first
            else:
                async for items in self._catch_up(self._resume_at):
                    yield items
            async for items in self._live(subscription):
                yield items

    async def _catch_up(self, entry_id: str) -> AsyncIterator[Sequence[Item]]:
        """What was missed, from Redis; then what the ledger knows beyond that. The ledger alone says what is over."""
        complete = True
        try:
            async for happening in self._events.since(entry_id, self._member.tenant_id, self._job_id):
                self._caught_up_to = happening.order
                if items := await self._items_of(happening):
                    yield items
        except LookupError:
            complete = False
        self._done = False
        # A client that has caught up knows the state of a job of which nothing new was found, unless it has ended.
        if items := await self._picture(known=complete):
            yield items

    async def _live(self, subscription: Subscription) -> AsyncIterator[Sequence[Item]]:
        settings = self._settings
        sign, check = Due(settings.events_keepalive_seconds), Due(settings.events_recheck_seconds)
        poll = Due(settings.events_poll_seconds)
        while not self._done:
            waits = (sign.left, check.left) if self._events.alive else (sign.left, check.left, poll.left)
            items = await self._news(await subscription.take(min(waits)))
            if subscription.closed:
                self.ending = Ending.STOPPED
                return
            if subscription.take_missed():
                items += await self._picture()
            elif not self._events.alive and poll.take():
                items += await self._picture(age=settings.events_poll_seconds / 2)
            if check.take():
                if not await self._still_allowed():
                    self.ending = Ending.KEY_ENDED
                    return
                items += await self._picture(age=min(KEPT_SECONDS, settings.events_recheck_seconds / 2))
            if items or sign.take():
                yield items
                sign.renew()

    async def _news(self, happenings: Sequence[Happening]) -> list[Item]:
        """What was caught up on also waited in the queue; after its end a job has no more to tell."""
        items: list[Item] = []
        for happening in happenings:
            if happening.order > self._caught_up_to and not self._done:
                items += await self._items_of(happening)
        return items

    async def _still_allowed(self) -> bool:
        try:
            return await self._resources.keys.find(self._key, used=False) is not None
        except (DBAPIError, PoolTimeout):
            # Nobody can say: the next check will.
            return True

    async def _items_of(self, happening: Happening) -> list[Item]:
        """What a happening tells, if this client may see it and does not know better already."""
        if happening.item is None:
            return await self._ask(happening)
        if not self._may_see(happening) or self._is_old_news(happening):
            return []
        if happening.version is not None and not self._tell(happening.job_id, happening.version):
            return []
        self._note_end(ended=happening.ended)
        return [happening.item]

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
            jobs = await self._look(happening.job_id, None, happening.heard)
        except NotFound:
            return []
        return [item for job in jobs for item in self._items_for(job, happening.id)]

    async def _picture(self, *, known: bool = False, age: float = 0.0) -> list[Item]:
        """What the ledger knows, where that is more than the client does; `known` jobs that go on are no news.

        It may have been read by another stream, as many seconds ago as `age` says.
        """
        position, not_before = self._events.position, time.monotonic() - age
        jobs = await self._look(self._job_id, self._pictured_at, not_before)
        for view in (job.view for job in jobs):
            if known and not view.ended and view.job_id not in self._told:
                self._tell(view.job_id, version_of(view.attempt, view.status))
        return [item for job in jobs for item in self._items_for(job, position)]

    async def _look(self, job_id: UUID | None, since: datetime | None, not_before: float) -> Sequence[Pictured]:
        """Nothing while the ledger does not answer: a stream outlives that."""
        try:
            picture = await self._pictures.look(self._member, job_id, since, not_before)
        except (DBAPIError, PoolTimeout) as error:
            get_logger().warning("ledger.unavailable", error=type(error).__name__)
            return ()
        if job_id is None:
            self._pictured_at = picture.next_since
        return picture.jobs

    def _items_for(self, job: Pictured, entry_id: str) -> list[Item]:
        """The ledger's progress is that of the last checkpoint: while Redis tells better, only its states count."""
        view = job.view
        version, picture = version_of(view.attempt, view.status), hash(job.data)
        told = self._told.get(view.job_id)
        news = told is None or version > told.version
        moved = told is not None and version == told.version and told.picture not in {None, picture}
        if not self._tell(view.job_id, version, picture):
            return []  # read a moment ago, for another stream: an end that was retried since is none
        self._note_end(ended=view.ended)
        return [Item(f"job.{view.status}", entry_id, job.data)] if news or (moved and not self._events.alive) else []

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


async def _frames(stream: Stream) -> AsyncGenerator[bytes]:
    async with aclosing(stream.items()) as batches:
        async for items in batches:
            yield b"".join([item.frame for item in items]) or SIGN_OF_LIFE
