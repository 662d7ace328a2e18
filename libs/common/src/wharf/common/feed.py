"""Live progress: a snapshot for each job that runs, and one stream of events.

Both are in Redis and both may be lost: whoever finds no snapshot reads the ledger. A writer that has lost its
lease, or is late, cannot overwrite what is newer: every snapshot carries a version that grows with the attempt
and the state, and the server compares it before it writes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import orjson
import redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from wharf.common.jobs.states import ENDED, Status
from wharf.common.jobs.view import JobView
from wharf.common.logs import get_logger
from wharf.common.metrics import FEED_ERRORS

STREAM = "wharf:events"
STREAM_LENGTH = 20_000
SNAPSHOT_SECONDS = 30
PAUSE_SECONDS = 1.0
"""After an error Redis is left alone for so long: work does not wait for it."""

MOST_WAITING = 5_000
GATHER_SECONDS = 0.03
"""How long a telling may wait for others that are sent with it."""

ARRIVAL_SECONDS = 0.1
"""How long the end of a job waits for what was told of it before to get there."""

MOST_AT_ONCE = 500
"""Redis does nothing else while it takes them: some milliseconds."""

TELL = """
local length, seconds = ARGV[1], ARGV[2]
for n = 2, #KEYS do
    local version, document, event = ARGV[3 * n - 3], ARGV[3 * n - 2], ARGV[3 * n - 1]
    local old = tonumber(string.match(redis.call('GETRANGE', KEYS[n], 0, 40), '^{"version":(%d+)'))
    if not old or old <= tonumber(version) then
        redis.call('SET', KEYS[n], document, 'EX', seconds)
        redis.call('XADD', KEYS[1], 'MAXLEN', '~', length, '*', 'type', event, 'data', document)
    end
end
"""
"""Of many jobs at once: the stream and their snapshots, then of each its version, its snapshot and its event."""

RANKS = {Status.QUEUED: 0, Status.RUNNING: 1, Status.CANCELLING: 2, Status.RETRYING: 3} | dict.fromkeys(ENDED, 9)


def version_of(attempt: int, status: Status) -> int:
    """Grows with the attempt and, within it, with the state."""
    return attempt * 10 + RANKS[status]


def snapshot_key(job_id: UUID | str) -> str:
    """Where a job's snapshot is."""
    return f"ingest_progress:{job_id}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Redis holds of a job. `job` is the contract's `Job` as JSON, or null: then the ledger knows."""

    tenant_id: UUID
    job: dict[str, Any] | None

    @classmethod
    def parse(cls, data: bytes) -> Snapshot:
        """Read what `Feed` wrote."""
        value = orjson.loads(data)
        return cls(UUID(value["tenant_id"]), value["job"])


class Command(Protocol):
    """Something to say to Redis."""

    def into(self, pipe: Pipeline) -> object:
        """Put it into a pipeline."""


@dataclass(frozen=True, slots=True)
class _Telling:
    """A snapshot and its event. Written out only when it is sent: most of a short job's are overtaken before."""

    key: str
    version: int
    write: Callable[[], str]
    event: str


@dataclass(frozen=True, slots=True)
class _Withdrawal:
    """What was told of a job before, and is not sent yet, is old."""

    key: str


News = Command | _Telling
"""What is sent."""


@dataclass(frozen=True, slots=True)
class _Tellings:
    """Several, in their order, in one command: as many commands cost half as much again."""

    all: Sequence[_Telling]

    def into(self, pipe: Pipeline) -> object:
        keys = (STREAM, *(one.key for one in self.all))
        said = (value for one in self.all for value in (str(one.version), one.write(), one.event))
        return pipe.eval(TELL, len(keys), *keys, str(STREAM_LENGTH), str(SNAPSHOT_SECONDS), *said)


@dataclass(frozen=True, slots=True)
class _Line:
    data: str
    event: str

    def into(self, pipe: Pipeline) -> object:
        return pipe.xadd(STREAM, {"type": self.event, "data": self.data}, maxlen=STREAM_LENGTH)


@dataclass(frozen=True, slots=True)
class _Refresh:
    key: str

    def into(self, pipe: Pipeline) -> object:
        return pipe.expire(self.key, SNAPSHOT_SECONDS)


class Feed:
    """Writes snapshots and events; never raises and never waits long: progress is worth less than the work.

    Redis has `patience` seconds to answer.
    """

    def __init__(self, url: str, *, patience: float = 0.5) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=patience, socket_connect_timeout=patience)
        self._silent_until = 0.0

    def tell(self, view: JobView, tenant_id: UUID, event: str | None = None) -> None:
        """Say what a job is like now; the event is `job.<status>` unless another is named."""
        version = version_of(view.attempt, view.status)
        if view.status is Status.QUEUED and view.attempt == 1:
            # No snapshot of a new job: there is nothing to see but its state, and that may be old when it gets there.
            self._send(_Line(_document(view, version, tenant_id), f"job.{view.status}"))
            return
        write = partial(_document, view, version, tenant_id)
        self._send(_Telling(snapshot_key(view.job_id), version, write, event or f"job.{view.status}"))

    def tell_moved(self, job_id: UUID, tenant_id: UUID, attempt: int, status: Status) -> None:
        """Say that a job has a new state, by someone who may not see the job itself: readers go to the ledger."""
        version = version_of(attempt, status)
        document = {"version": version, "records_processed": 0, "tenant_id": tenant_id, "job": None, "job_id": job_id}
        self._send(_Telling(snapshot_key(job_id), version, lambda: orjson.dumps(document).decode(), f"job.{status}"))

    def tell_log(self, job_id: UUID, tenant_id: UUID, line: dict[str, Any]) -> None:
        """Pass on a line that a job wrote about itself."""
        document = {"tenant_id": tenant_id, "job_id": job_id, "job": None, "line": line}
        self._send(_Line(orjson.dumps(document, default=str).decode(), "job.log"))

    def refresh(self, job_id: UUID) -> None:
        """Keep the snapshot of a job that runs but has nothing new to say."""
        self._send(_Refresh(snapshot_key(job_id)))

    def read(self, job_id: UUID) -> Snapshot | None:
        """The last snapshot, or None where there is none or Redis is away."""
        data = self._try(lambda: self._redis.get(snapshot_key(job_id)))
        return Snapshot.parse(data) if isinstance(data, bytes) else None

    def withdraw(self, job_id: UUID) -> None:
        """Send nothing more of what was told of a job: the ledger is about to have its end.

        Whoever has read the end there must not find it running afterwards.
        """

    def close(self) -> None:
        """Send what waits."""

    def _send(self, command: News) -> None:
        self._send_all((command,))

    def _send_all(self, commands: Sequence[News]) -> None:
        def send() -> None:
            with self._redis.pipeline(transaction=False) as pipe:
                for command in _together(commands):
                    command.into(pipe)
                pipe.execute()

        self._try(send)

    def _try(self, action: Callable[[], object]) -> object:
        if time.monotonic() < self._silent_until:
            return None
        try:
            return action()
        except RedisError as error:
            self._silent_until = time.monotonic() + PAUSE_SECONDS
            FEED_ERRORS.inc()
            get_logger().warning("feed.unavailable", error=type(error).__name__)
            return None


class QueuedFeed(Feed):
    """A feed that nobody waits for: a thread sends what has come together, many at once.

    For those who tell much and read nothing. What is not sent when its process is killed the ledger knows.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._waiting: deque[News | _Withdrawal] = deque(maxlen=MOST_WAITING)
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="feed", daemon=True)
        self._thread.start()

    def withdraw(self, job_id: UUID) -> None:
        """As `Feed.withdraw`; what is on its way is waited for, but not for longer than `ARRIVAL_SECONDS`."""
        self._waiting.append(_Withdrawal(snapshot_key(job_id)))
        if self._sending.acquire(timeout=ARRIVAL_SECONDS):
            self._sending.release()

    def close(self) -> None:
        """Send what waits, but not for longer than a moment."""
        self._closing.set()
        self._bell.set()
        self._thread.join(PAUSE_SECONDS)

    def _send(self, command: News) -> None:
        self._waiting.append(command)
        self._bell.set()

    def _work(self) -> None:
        while not (self._closing.is_set() and not self._waiting):
            self._bell.wait()
            self._closing.wait(GATHER_SECONDS)  # who leaves has nothing more to tell, and is waited for
            self._bell.clear()
            with self._sending:
                self._send_waiting()

    def _send_waiting(self) -> None:
        news = _latest([self._waiting.popleft() for _ in range(len(self._waiting))])
        for first in range(0, len(news), MOST_AT_ONCE):
            self._send_all(news[first : first + MOST_AT_ONCE])


def _document(view: JobView, version: int, tenant_id: UUID) -> str:
    """Put together by hand: the job is written once, by pydantic's own serialiser."""
    head = f'{{"version":{version},"records_processed":{view.progress.current},"tenant_id":"{tenant_id}","job":'
    return f"{head}{view.model_dump_json()}}}"


def _together(news: Sequence[News]) -> Iterator[Command]:
    """Tellings that follow each other become one command."""
    tellings: list[_Telling] = []
    for one in news:
        if isinstance(one, _Telling):
            tellings.append(one)
            continue
        if tellings:
            yield _Tellings(tellings)
            tellings = []
        yield one
    if tellings:
        yield _Tellings(tellings)


def _latest(commands: Sequence[News | _Withdrawal]) -> list[News]:
    """Of what is told of a job within one moment only the last is news, and that only if it was not withdrawn."""
    last = {command.key: command for command in commands if isinstance(command, _Telling | _Withdrawal)}
    return [c for c in commands if not isinstance(c, _Withdrawal) and (not isinstance(c, _Telling) or last[c.key] is c)]
