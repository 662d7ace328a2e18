"""Every metric of Wharf, in one place. The names are an interface: dashboards and alerts depend on them.

A label never holds a job, tenant, file or pod: their number has no bound.

Prefork workers count in files shared by the processes (`WHARF_METRICS_DIR`, read when this module is
imported). A file belongs to a slot of the pool, not to a process: children come and go, the number of files stays
bounded and no count is lost. The main process serves them.

What is true of the whole installation (`Observed`) is no process's to count: an observer looks at it when it is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import prometheus_client
from billiard import current_process
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
OURS = "WHARF_METRICS_DIR"


def _slot() -> str:
    return f"slot{getattr(current_process(), 'index', 'main')}"


if OURS in os.environ:
    # The one setting read at import: the metrics below bind to this class when they are made.
    os.environ[FOLDER] = os.environ[OURS]
    Path(os.environ[FOLDER]).mkdir(parents=True, exist_ok=True)
    values.ValueClass = values.MultiProcessValue(process_identifier=_slot)  # type: ignore[no-untyped-call]  # prometheus_client has no types here


@dataclass(frozen=True, slots=True)
class Observed:
    """A metric that is looked up when Prometheus asks; `total` for what only grows."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    total: bool = False

    def family(self, found: Iterable[tuple[Sequence[str], float]]) -> Metric:
        """With what was found: the labels' values and the metric's, for each."""
        made = CounterMetricFamily if self.total else GaugeMetricFamily
        family = made(self.name, self.help, labels=self.labels)
        for labels, value in found:
            family.add_metric(labels, value)
        return family

    def alone(self, value: float) -> Metric:
        """Of a metric without labels."""
        return self.family([((), value)])


# Each target of docs/observability.md is a bound, so that what keeps to it is counted, not estimated.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
# A bound is a series for each of some 150 routes, or each of some 20 kinds: these have fewer.
ANSWER_SECONDS = (0.025, 0.1, 0.25, 0.5, 2.5)
RUN_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

HTTP_REQUESTS = Counter("wharf_http_requests_total", "Requests answered.", ["method", "route", "status"])
HTTP_SECONDS = Histogram("wharf_http_request_seconds", "Time to answer.", ["method", "route"], buckets=ANSWER_SECONDS)

# Whatever canaries are, their kind is `canary`; parts of a job are attempts, and no jobs: see `jobs.tally`.
JOBS_SUBMITTED = Counter("wharf_jobs_submitted_total", "Jobs written to the ledger.", ["kind", "queue", "priority"])
JOBS_FINISHED = Counter("wharf_jobs_finished_total", "Jobs ended for good.", ["kind", "queue", "status"])
JOBS_FAILED = Counter(
    "wharf_jobs_failed_total",
    "Of those, the failed ones by cause: input, permanent, exhausted (retries used up), died (their workers).",
    ["kind", "queue", "cause"],
)
JOB_WAIT = Histogram("wharf_job_wait_seconds", "From being due to being claimed.", ["queue"], buckets=SECONDS)
PRIORITY_WAIT = Histogram(
    "wharf_priority_wait_seconds",
    "The same, by the priority that was asked for; without canaries and parts.",
    ["priority"],
    buckets=SECONDS,
)
JOB_RUN = Histogram("wharf_job_run_seconds", "Length of an attempt.", ["kind"], buckets=RUN_SECONDS)
JOB_RETRIES = Counter("wharf_job_retries_total", "Attempts that failed for now.", ["kind"])
JOBS_FENCED = Counter("wharf_jobs_fenced_total", "Attempts that had lost their lease when they wanted to commit.")
JOBS_DROPPED = Counter("wharf_messages_dropped_total", "Messages with nothing left to claim.")
JOBS_REDISPATCHED = Counter("wharf_jobs_redispatched_total", "Jobs published again.", ["reason"])
JOB_RECOVERY = Histogram(
    "wharf_job_recovery_seconds", "From a dead worker's last sign to the next try.", buckets=SECONDS
)
JOB_CANCEL = Histogram("wharf_job_cancel_seconds", "From the wish to cancel to the end.", buckets=SECONDS)
PUBLISHED = Counter("wharf_messages_published_total", "Messages that the broker took.", ["queue"])
PUBLISH_FAILURES = Counter("wharf_publish_failures_total", "Messages that the broker did not take at once.")
FEED_ERRORS = Counter("wharf_feed_errors_total", "Snapshots or events that Redis did not take.")
STORAGE_ERRORS = Counter(
    "wharf_storage_errors_total", "Operations that the object storage did not do, by what was wrong.", ["code"]
)
WORKER_SLOTS = Gauge("wharf_worker_slots", "Jobs that this worker can run at once.", ["queue"], multiprocess_mode="max")

IMPORT_ROWS = Counter("wharf_import_rows_total", "Rows of imports by what became of them.", ["profile", "outcome"])
IMPORT_BYTES = Counter("wharf_import_bytes_total", "Bytes of files imported.", ["profile"])
PACKAGE_PAGES = Counter("wharf_package_pages_total", "Pages of PDFs that packages have.", ["package_type"])
PACKAGE_ROWS = Counter("wharf_package_rows_total", "Rows of packages that were made.", ["package_type"])

SCHEDULE_MISSED = Counter(
    "wharf_schedule_missed_total", "Occurrences that came too late; those of tenants under one name.", ["schedule"]
)
TICKED = Gauge(
    "wharf_scheduler_last_tick_timestamp_seconds",
    "When this scheduler, leading, last did all that was due.",
    multiprocess_mode="mostrecent",
)

WEBHOOK_DELIVERIES = Counter(
    "wharf_webhook_deliveries_total", "Tries to deliver a message, by what came of them.", ["outcome"]
)
WEBHOOK_SECONDS = Histogram("wharf_webhook_delivery_seconds", "Length of a try to deliver.", buckets=SECONDS)
CANARY_SECONDS = Histogram(
    "wharf_canary_seconds", "From sending a canary through a queue to its end.", ["queue"], buckets=SECONDS
)
CANARY_ROUND_TRIP = Gauge(
    "wharf_canary_round_trip_seconds",
    "How long the newest canary took that came through a queue.",
    ["queue"],
    multiprocess_mode="mostrecent",
)
CANARY_SUCCESS = Gauge(
    "wharf_canary_last_success_timestamp_seconds",
    "When a canary last came through a queue.",
    ["queue"],
    multiprocess_mode="mostrecent",
)
CANARY_FAILURES = Counter(
    "wharf_canary_failures_total", "Canaries that failed, or did not come through in time.", ["queue", "outcome"]
)

# By the scheduler's observer, of the whole installation.
QUEUE_DEPTH = Observed("wharf_queue_depth", "Jobs that wait to be claimed.", ("queue", "priority"))
QUEUE_OLDEST = Observed(
    "wharf_queue_oldest_wait_seconds", "How long the oldest job waits whose queue is not paused; 0: none.", ("queue",)
)
QUEUE_PAUSED = Observed("wharf_queue_paused", "1 where the queue rests for the whole installation.", ("queue",))
JOBS_RUNNING = Observed("wharf_jobs_running", "Jobs that workers have claimed.", ("queue",))
JOBS_DEAD = Observed(
    "wharf_jobs_dead", "Failed jobs that nobody has retried or discarded; a part is its job's affair.", ("queue",)
)
JOBS_STUCK = Observed(
    "wharf_jobs_stuck",
    "Jobs whose lease ran out a minute ago and were not taken back, or whose cancel was not heard for a minute.",
    ("queue",),
)
OLDEST_RUN = Observed("wharf_jobs_oldest_run_seconds", "How long the oldest attempt runs; 0: none.", ("queue",))
OUTBOX = Observed("wharf_outbox_jobs", "Jobs with a place and no message, due and not paused.")
LEDGER_BROKER_DRIFT = Observed(
    "wharf_ledger_broker_drift",
    "Published jobs that nobody has claimed, less the messages in the broker.",
    ("queue",),
)
SCHEDULE_SUCCESS = Observed(
    "wharf_schedule_last_success_timestamp_seconds",
    "When a job of a built-in schedule was last completed; of those that are switched on.",
    ("schedule",),
)
INSTALLED = Observed("wharf_installed_timestamp_seconds", "Since when there could be backups.")
BACKUP_SUCCESS = Observed(
    "wharf_backup_last_success_timestamp_seconds", "When the newest backup was complete; missing where there is none."
)
BACKUP_BYTES = Observed("wharf_backup_bytes", "Size of the newest backup.")
BACKUP_SECONDS = Observed("wharf_backup_seconds", "How long the newest backup took, its check included.")
BACKUP_VERIFIED = Observed(
    "wharf_backup_last_verified_timestamp_seconds",
    "When a backup was last restored on trial, and was whole; missing where none ever was.",
)
BACKUP_TRIAL_FAILED = Observed("wharf_backup_trial_failed", "1 where the newest trial of a backup failed.")
DATABASE_CONNECTIONS = Observed("wharf_database_connections", "Connections that PostgreSQL has, of all databases.")
DATABASE_CONNECTIONS_MAX = Observed("wharf_database_connections_max", "How many it allows.")
DATABASE_BYTES = Observed("wharf_database_bytes", "Size of the database.")
BROKER_EVICTS = Observed(
    "wharf_broker_evicts", "1 where the broker's Redis may throw messages away (maxmemory-policy)."
)
BROKER_EVICTED = Observed("wharf_broker_evicted_keys_total", "Keys that it has thrown away.", total=True)
BROKER_BYTES = Observed("wharf_broker_memory_bytes", "Memory that it uses.")
BROKER_BYTES_MAX = Observed("wharf_broker_memory_max_bytes", "How much it may use; 0: as much as there is.")
STORAGE_FREE = Observed("wharf_storage_free_bytes", "Room left where files are stored; of a local folder only.")
STORAGE_SIZE = Observed("wharf_storage_size_bytes", "Room there in all.")
COLLECTOR_UP = Observed(
    "wharf_collector_up",
    "1 where the last look succeeded; else the source's other metrics are missing.",
    ("source",),
)
COLLECTOR_SECONDS = Observed("wharf_collector_seconds", "How long the last look took.", ("source",))

# By each gateway, of itself.
POOL_USED = Observed("wharf_database_pool_used", "Connections of this process that are lent out.")
POOL_SIZE = Observed("wharf_database_pool_size", "How many it may have.")


def exposition(observers: Iterable[Collector] = ()) -> bytes:
    """All metrics of this process, and what its observers see, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    if FOLDER in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client has no types here
    else:
        registry.register(prometheus_client.REGISTRY)
    for observer in observers:
        registry.register(observer)
    return prometheus_client.generate_latest(registry)


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric as it is told: its name, what kind it is, its labels, what it says."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str

    def series(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The names that queries use; a histogram has three."""
        if self.kind != "histogram":
            yield self.name, self.labels
            return
        yield f"{self.name}_bucket", (*self.labels, "le")
        yield from ((f"{self.name}{part}", self.labels) for part in ("_sum", "_count"))


def declared() -> list[Declared]:
    """Every metric of Wharf, by name."""
    return sorted(_declared(), key=lambda metric: metric.name)


def _declared() -> Iterator[Declared]:
    for metric in list(globals().values()):
        if isinstance(metric, Observed):
            yield Declared(metric.name, "counter" if metric.total else "gauge", metric.labels, metric.help)
        elif isinstance(metric, MetricWrapperBase):
            family = next(iter(metric.describe()))
            labels = tuple(metric._labelnames)  # noqa: SLF001 - the library has no other way to tell
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield Declared(name, family.type, labels, family.documentation)


def series() -> dict[str, tuple[str, ...]]:
    """Every name that a query may use, with its labels."""
    return {name: labels for metric in declared() for name, labels in metric.series()}
