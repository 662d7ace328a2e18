"""Live progress: a snapshot for each job that runs, and one stream of events.

Both are in Redis and both may be lost: whoever finds no snapshot reads the ledger. A writer that has lost its
lease, or is late, cannot overwrite what is newer: every snapshot carries a version that grows with the attempt
and the state, and the server compares it before it writes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import redis
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

TELL = """
local old = redis.call('GET', KEYS[1])
if old then
    local version = tonumber(string.match(old, '^{"version":(%d+)'))
    if version and version > tonumber(ARGV[1]) then return false end
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'type', ARGV[5], 'data', ARGV[2])
"""

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


class Feed:
    """Writes snapshots and events; never raises and never waits long: progress is worth less than the work."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        self._tell = self._redis.register_script(TELL)
        self._silent_until = 0.0

    def tell(self, view: JobView, tenant_id: UUID, event: str | None = None) -> None:
        """Say what a job is like now; the event is `job.<status>` unless another is named."""
        document = {
            "version": version_of(view.attempt, view.status),
            "records_processed": view.progress.current,
            "tenant_id": tenant_id,
            "job": view.model_dump(mode="json"),
        }
        self._write(view.job_id, document, event or f"job.{view.status}")

    def tell_moved(self, job_id: UUID, tenant_id: UUID, attempt: int, status: Status) -> None:
        """Say that a job has a new state, by someone who may not see the job itself: readers go to the ledger."""
        version = version_of(attempt, status)
        document = {"version": version, "records_processed": 0, "tenant_id": tenant_id, "job": None, "job_id": job_id}
        self._write(job_id, document, f"job.{status}")

    def tell_log(self, job_id: UUID, tenant_id: UUID, line: dict[str, Any]) -> None:
        """Pass on a line that a job wrote about itself."""
        data = orjson.dumps({"tenant_id": tenant_id, "job_id": job_id, "job": None, "line": line}, default=str)
        self._try(lambda: self._redis.xadd(STREAM, {"type": "job.log", "data": data}, maxlen=STREAM_LENGTH))

    def refresh(self, job_id: UUID) -> None:
        """Keep the snapshot of a job that runs but has nothing new to say."""
        self._try(lambda: self._redis.expire(snapshot_key(job_id), SNAPSHOT_SECONDS))

    def read(self, job_id: UUID) -> Snapshot | None:
        """The last snapshot, or None where there is none or Redis is away."""
        data = self._try(lambda: self._redis.get(snapshot_key(job_id)))
        return Snapshot.parse(data) if isinstance(data, bytes) else None

    def _write(self, job_id: UUID, document: dict[str, Any], event: str) -> None:
        data = orjson.dumps(document, default=str, option=orjson.OPT_UTC_Z)
        arguments = [document["version"], data, SNAPSHOT_SECONDS, STREAM_LENGTH, event]
        self._try(lambda: self._tell(keys=[snapshot_key(job_id), STREAM], args=arguments))

    def _try(self, action: Any) -> object:  # noqa: ANN401 - redis-py types its answers as awaitable or not
        if time.monotonic() < self._silent_until:
            return None
        try:
            return action()
        except RedisError as error:
            self._silent_until = time.monotonic() + PAUSE_SECONDS
            FEED_ERRORS.inc()
            get_logger().warning("feed.unavailable", error=type(error).__name__)
            return None
