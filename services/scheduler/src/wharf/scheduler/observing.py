"""What Prometheus is told of the whole installation: looked up in ledger, broker and storage when it asks.

Every scheduler answers, leading or not, so one that is down takes nothing away: rules and dashboards take the `max` of
them. What cannot be looked at is missing, never 0, and `wharf_collector_up{source}` says so.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from celery import Celery
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis import Redis
from sqlalchemy import Connection, Row, text

from wharf.common import metrics
from wharf.common.doorbell import Doorbell
from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger
from wharf.common.queues import Priority, Queue, is_redis
from wharf.common.runtime.sentry import SENTRY
from wharf.common.settings import ServiceSettings
from wharf.common.storage import Storage
from wharf.scheduler.dispatcher import unclaimed

ANSWER_SECONDS = 4.0
"""Of each source: Prometheus gives up after ten seconds."""
FRESH_SECONDS = 1.0
"""Several who ask at once get the same answer."""
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
DEAD = text("SELECT queue, count(*) FROM wharf.jobs WHERE status = 'failed' AND discarded_at IS NULL GROUP BY queue")
HELD = text("""
    SELECT j.queue, count(*) FILTER (WHERE l.expires_at < now() - make_interval(secs => :silent)
            OR j.cancel_requested_at < now() - make_interval(secs => :silent)) AS stuck,
        max(extract(epoch FROM clock_timestamp() - l.acquired_at))::float AS oldest
    FROM wharf.leases l JOIN wharf.jobs j ON j.id = l.job_id AND j.status IN ('running', 'cancelling')
    GROUP BY j.queue""")
SUCCESSES = text("SELECT name, extract(epoch FROM at)::float FROM wharf.schedule_successes()")
SERVER = text("""
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
        current_setting('max_connections')::int AS allowed, pg_database_size(current_database()) AS bytes""")


@dataclass(eq=False)  # a registry keeps its collectors by what they are, not by what they have seen
class Observer(Collector):
    """One source. `look` gives its metrics or raises whatever is wrong with it; then there are none of them."""

    source: str
    look: Callable[[], Iterable[Metric]]
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _seen: list[Metric] = field(default_factory=list, init=False)
    _seen_at: float = field(default=float("-inf"), init=False)

    def collect(self) -> Iterator[Metric]:
        """What Prometheus is told: by one look at a time, so that a slow source is not asked ever more often."""
        with self._lock:
            if time.monotonic() - self._seen_at > FRESH_SECONDS:
                self._seen = self._look()
                self._seen_at = time.monotonic()
            seen = self._seen
        yield from seen

    def _look(self) -> list[Metric]:
        began = time.monotonic()
        found: list[Metric] = []
        try:
            found = list(self.look())
            up = 1
        except Exception as error:  # noqa: BLE001 - whatever it is, the other sources are told, and this one's failure
            get_logger().warning("collector.failed", source=self.source, error=type(error).__name__)
            SENTRY.report(error)
            up = 0
        of = (self.source,)
        seconds = metrics.COLLECTOR_SECONDS.family([(of, time.monotonic() - began)])
        return [*found, metrics.COLLECTOR_UP.family([(of, up)]), seconds]


def observed_database(settings: ServiceSettings) -> Database:
    """A pool apart from the dispatcher's: whoever asks holds up no job, and is not held up."""
    url = settings.database_url.get_secret_value()
    return Database.connect(url, pool=1, application="scheduler-metrics", answer_within=ANSWER_SECONDS)


def observers_of(app: Celery, settings: ServiceSettings, database: Database) -> list[Observer]:
    """All sources of an installation; connections are made when they are needed."""
    broker_url = settings.broker_url.get_secret_value()
    bell = Doorbell(app)
    sources: dict[str, Callable[[], Iterable[Metric]]] = {
        "ledger": lambda: of_the_ledger(database),
        "drift": lambda: of_the_drift(database, bell),
        "storage": lambda: of_the_storage(Storage.open(settings)),
    }
    if is_redis(broker_url):
        sources["broker"] = lambda: of_the_broker(broker_url)
    return [Observer(source, look) for source, look in sources.items()]


def of_the_ledger(database: Database) -> Iterator[Metric]:
    """Queues, jobs, schedules, and the server itself."""
    with database.anyone() as connection:
        yield from _queues(connection)
        yield from _jobs(connection)
        yield metrics.SCHEDULE_SUCCESS.family(((row[0],), row[1]) for row in connection.execute(SUCCESSES))
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
    """What a Redis says of itself."""
    with Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS) as client:
        said = client.info("everything")
    yield metrics.BROKER_EVICTS.alone(said["maxmemory_policy"] != "noeviction")
    yield metrics.BROKER_EVICTED.alone(said["evicted_keys"])
    yield metrics.BROKER_BYTES.alone(said["used_memory"])
    yield metrics.BROKER_BYTES_MAX.alone(said["maxmemory"])


def of_the_storage(storage: Storage) -> Iterator[Metric]:
    """The room in a local folder; a storage elsewhere has its own monitoring."""
    if storage.folder is not None:
        room = shutil.disk_usage(storage.folder)
        yield metrics.STORAGE_FREE.alone(room.free)
        yield metrics.STORAGE_SIZE.alone(room.total)
