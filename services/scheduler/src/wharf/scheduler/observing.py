"""What Prometheus is told of the whole installation: looked up in ledger, broker and storage when it asks.

Every scheduler answers, leading or not, so one that is down takes nothing away: rules and dashboards take the `max` of
them. What cannot be looked at is missing, never 0, and `wharf_collector_up{source}` says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from celery import Celery
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry
from sqlalchemy import Connection, Row, text

from wharf.common import metrics
from wharf.common.doorbell import Doorbell
from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger
from wharf.common.looks import Looks, Shared
from wharf.common.queues import Priority, Queue, is_redis
from wharf.common.runtime.sentry import SENTRY
from wharf.common.settings import ServiceSettings
from wharf.common.storage import Storage
from wharf.scheduler.dispatcher import unclaimed

ANSWER_SECONDS = 4.0
"""Of all sources, side by side: Prometheus gives up after ten seconds."""
SILENT_SECONDS = 60
"""A job is stuck whose lease ran out so long ago, or that was to be cancelled so long ago."""

DEPTHS = text("SELECT queue, priority, waiting, running FROM wharf.queue_depths(NULL)")

# Two halves, each with an index of its own. What is paused, for all or for that tenant, does not wait for us.
OLDEST = text("""
    SELECT queue, greatest(extract(epoch FROM clock_timestamp() - min(oldest)), 0)::float AS seconds FROM (
        SELECT queue, tenant_id, min(available_at) AS oldest FROM wharf.jobs
        WHERE admitted AND status = 'queued' AND available_at <= now() GROUP BY queue, tenant_id
        UNION ALL
        SELECT queue, tenant_id, min(available_at) FROM wharf.jobs
        WHERE NOT admitted AND status = 'queued' AND available_at <= now() GROUP BY queue, tenant_id) waiting
    WHERE NOT wharf.is_paused(queue, tenant_id) GROUP BY queue""")
PAUSED = text("""
    SELECT queue, wharf.is_paused(queue, '00000000-0000-0000-0000-000000000000')::int AS paused
    FROM unnest(cast(:queues AS text[])) AS queue""")
OUTBOX = text("""
    SELECT count(*) FROM wharf.jobs WHERE status = 'queued' AND admitted AND published_at IS NULL
    AND available_at <= now() AND NOT wharf.is_paused(queue, tenant_id)""")
# Nobody can retry or discard a part: its job is the dead letter.
DEAD = text("""
    SELECT queue, count(*) FROM wharf.jobs WHERE status = 'failed' AND discarded_at IS NULL AND part IS NULL
    GROUP BY queue""")
HELD = text("""
    SELECT j.queue, count(*) FILTER (WHERE l.expires_at < now() - make_interval(secs => :silent)
            OR j.cancel_requested_at < now() - make_interval(secs => :silent)) AS stuck,
        max(extract(epoch FROM clock_timestamp() - l.acquired_at))::float AS oldest
    FROM wharf.leases l JOIN wharf.jobs j ON j.id = l.job_id AND j.status IN ('running', 'cancelling')
    GROUP BY j.queue""")
SUCCESSES = text("SELECT name, extract(epoch FROM at)::float FROM wharf.schedule_successes()")
BACKUPS = text("""
    SELECT extract(epoch FROM installed_at)::float AS installed, extract(epoch FROM made_at)::float AS made,
        extract(epoch FROM tried_at)::float AS tried, bytes, seconds, trial_failed
    FROM wharf.backup_state()""")
SERVER = text("""
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
        current_setting('max_connections')::int AS allowed, pg_database_size(current_database()) AS bytes""")


Source = Callable[[], Iterable[Metric]]
"""Gives its metrics or raises whatever is wrong with it; then there are none of them."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at a source has shown, and how long it took."""

    found: Sequence[Metric]
    up: bool
    seconds: float


class Observers(Collector):
    """All sources: they are looked at side by side, by one look at a time, and none of them holds up the others.

    One that hangs is told of as one that fails, and is not asked again before it has answered.
    """

    def __init__(self, sources: Mapping[str, Source], *, seconds: float = ANSWER_SECONDS) -> None:
        self._looks = Looks({name: partial(_look, name, source) for name, source in sources.items()}, seconds)
        self._seconds = seconds
        self.shared = Shared(self._told)

    def collect(self) -> Iterator[Metric]:
        """What Prometheus is told. Several who ask at once get the same answer."""
        yield from self.shared.answer()

    def _told(self) -> list[Metric]:
        sights = {source: sight or self._silent(source) for source, sight in self._looks.together().items()}
        up = metrics.COLLECTOR_UP.family(((source,), sight.up) for source, sight in sights.items())
        seconds = metrics.COLLECTOR_SECONDS.family(((source,), sight.seconds) for source, sight in sights.items())
        return [*(metric for sight in sights.values() for metric in sight.found), up, seconds]

    def _silent(self, source: str) -> Sight:
        get_logger().warning("collector.silent", source=source)
        return Sight((), up=False, seconds=self._seconds)


def _look(name: str, source: Source) -> Sight:
    began = time.monotonic()
    found: list[Metric] = []
    try:
        found = list(source())
        up = True
    except Exception as error:  # noqa: BLE001 - whatever it is, the other sources are told, and this one's failure
        get_logger().warning("collector.failed", source=name, error=type(error).__name__)
        SENTRY.report(error)
        up = False
    return Sight(found, up, time.monotonic() - began)


def observed_database(settings: ServiceSettings) -> Database:
    """A pool apart from the dispatcher's: whoever asks holds up no job, and is not held up.

    A connection for each source that asks the ledger: they are looked at at once.
    """
    url = settings.database_url.get_secret_value()
    return Database.connect(url, pool=2, application="scheduler-metrics", answer_within=ANSWER_SECONDS)


def observers_of(app: Celery, settings: ServiceSettings, database: Database) -> Observers:
    """All sources of an installation; connections are made when they are needed."""
    broker_url = settings.broker_url.get_secret_value()
    bell = Doorbell(app)
    sources: dict[str, Source] = {
        "ledger": lambda: of_the_ledger(database),
        "drift": lambda: of_the_drift(database, bell),
        "storage": lambda: of_the_storage(Storage.open(settings)),
    }
    if is_redis(broker_url):
        sources["broker"] = lambda: of_the_broker(broker_url)
    return Observers(sources)


def of_the_ledger(database: Database) -> Iterator[Metric]:
    """Queues, jobs, schedules, backups, and the server itself."""
    with database.anyone() as connection:
        yield from _queues(connection)
        yield from _jobs(connection)
        yield metrics.SCHEDULE_SUCCESS.family(((row[0],), row[1]) for row in connection.execute(SUCCESSES))
        yield from _backups(connection.execute(BACKUPS).one())
        yield from _server(connection.execute(SERVER).one())


def _queues(connection: Connection) -> Iterator[Metric]:
    depths = connection.execute(DEPTHS).all()
    waiting = {(row.queue, Priority.of_rank(row.priority)): row.waiting for row in depths}
    yield metrics.QUEUE_DEPTH.family((of, waiting.get(of, 0)) for of in product(Queue, Priority))
    yield _by_queue(metrics.JOBS_RUNNING, [(row.queue, row.running) for row in depths])
    yield _by_queue(metrics.QUEUE_OLDEST, connection.execute(OLDEST).all())
    yield _by_queue(metrics.QUEUE_PAUSED, connection.execute(PAUSED, {"queues": list(Queue)}).all())
    yield metrics.OUTBOX.alone(connection.execute(OUTBOX).scalar_one())


def _jobs(connection: Connection) -> Iterator[Metric]:
    held = connection.execute(HELD, {"silent": SILENT_SECONDS}).all()
    yield _by_queue(metrics.JOBS_DEAD, connection.execute(DEAD).all())
    yield _by_queue(metrics.JOBS_STUCK, [(row.queue, row.stuck) for row in held])
    yield _by_queue(metrics.OLDEST_RUN, [(row.queue, row.oldest) for row in held])


def _by_queue(metric: metrics.Observed, found: Iterable[Sequence[Any]]) -> Metric:
    """For every queue, 0 where nothing was found: a ledger that answered has said so."""
    sums = dict.fromkeys(map(str, Queue), 0.0)
    for queue, value in found:
        sums[queue] = sums.get(queue, 0.0) + float(value)
    return metric.family(((queue,), value) for queue, value in sums.items())


def _backups(row: Row[Any]) -> Iterator[Metric]:
    """A moment that never was is missing: rules take the installation's instead."""
    known = {
        metrics.INSTALLED: row.installed,
        metrics.BACKUP_SUCCESS: row.made,
        metrics.BACKUP_BYTES: row.bytes,
        metrics.BACKUP_SECONDS: row.seconds,
        metrics.BACKUP_VERIFIED: row.tried,
        metrics.BACKUP_TRIAL_FAILED: row.trial_failed,
    }
    yield from (metric.alone(value) for metric, value in known.items() if value is not None)


def _server(row: Row[Any]) -> Iterator[Metric]:
    yield metrics.DATABASE_CONNECTIONS.alone(row.connections)
    yield metrics.DATABASE_CONNECTIONS_MAX.alone(row.allowed)
    yield metrics.DATABASE_BYTES.alone(row.bytes)


def of_the_drift(database: Database, bell: Doorbell) -> Iterator[Metric]:
    """What the ledger thinks to be in the broker, less what is there."""
    published = unclaimed(database)
    drift = [((str(queue),), published.get(queue, 0) - _messages(bell, queue)) for queue in Queue]
    yield metrics.LEDGER_BROKER_DRIFT.family(drift)


def _messages(bell: Doorbell, queue: Queue) -> int:
    found = bell.waiting(queue)
    if found is None:
        message = "The broker does not say how many messages it has."
        raise ConnectionError(message)
    return found


def of_the_broker(url: str) -> Iterator[Metric]:
    """What a Redis says of itself; nothing where its user may not ask."""
    within = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    with Redis.from_url(url, retry=Retry(NoBackoff(), 0), **within) as client:
        try:
            said = client.info()
        except NoPermissionError:
            return
    yield metrics.BROKER_EVICTS.alone(said["maxmemory_policy"] != "noeviction")
    yield metrics.BROKER_EVICTED.alone(said["evicted_keys"])
    yield metrics.BROKER_BYTES.alone(said["used_memory"])
    yield metrics.BROKER_BYTES_MAX.alone(said["maxmemory"])


def of_the_storage(storage: Storage) -> Iterator[Metric]:
    """The room in a local folder; a storage elsewhere has its own monitoring."""
    room = storage.room()
    if room is not None:
        yield metrics.STORAGE_FREE.alone(room.free)
        yield metrics.STORAGE_SIZE.alone(room.total)
