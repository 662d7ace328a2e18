"""Every metric of Wharf, in one place. The names are an interface: dashboards and alerts depend on them.

A label never holds a job, tenant, file or pod: their number has no bound.

Prefork workers count in files shared by the processes (`WHARF_METRICS_DIR`, read when this module is
imported). A file belongs to a slot of the pool, not to a process: children come and go, the number of files stays
bounded and no count is lost. The main process serves them.
"""

from __future__ import annotations

import os
from pathlib import Path

import prometheus_client
from billiard import current_process
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
OURS = "WHARF_METRICS_DIR"


def _slot() -> str:
    return f"slot{getattr(current_process(), 'index', 'main')}"


if OURS in os.environ:
    # The one setting read at import: the metrics below bind to this class when they are made.
    os.environ[FOLDER] = os.environ[OURS]
    Path(os.environ[FOLDER]).mkdir(parents=True, exist_ok=True)
    values.ValueClass = values.MultiProcessValue(process_identifier=_slot)  # type: ignore[no-untyped-call]  # prometheus_client has no types here

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

HTTP_REQUESTS = Counter("wharf_http_requests_total", "Requests answered.", ["method", "route", "status"])
HTTP_SECONDS = Histogram("wharf_http_request_seconds", "Time to answer.", ["method", "route"], buckets=SECONDS)

JOBS_SUBMITTED = Counter("wharf_jobs_submitted_total", "Jobs written to the ledger.", ["kind", "queue", "priority"])
JOBS_FINISHED = Counter("wharf_jobs_finished_total", "Jobs ended for good.", ["kind", "queue", "status"])
JOB_WAIT = Histogram("wharf_job_wait_seconds", "From being due to being claimed.", ["queue"], buckets=SECONDS)
JOB_RUN = Histogram("wharf_job_run_seconds", "Length of an attempt.", ["kind"], buckets=SECONDS)
JOB_RETRIES = Counter("wharf_job_retries_total", "Attempts that failed for now.", ["kind"])
JOBS_FENCED = Counter("wharf_jobs_fenced_total", "Attempts that had lost their lease when they wanted to commit.")
JOBS_DROPPED = Counter("wharf_messages_dropped_total", "Messages with nothing left to claim.")
JOBS_REDISPATCHED = Counter("wharf_jobs_redispatched_total", "Jobs published again.", ["reason"])
JOB_RECOVERY = Histogram(
    "wharf_job_recovery_seconds", "From a dead worker's last sign to the next try.", buckets=SECONDS
)
LEDGER_BROKER_DRIFT = Gauge(
    "wharf_ledger_broker_drift",
    "Published jobs that nobody has claimed, less the messages in the broker.",
    ["queue"],
    multiprocess_mode="mostrecent",
)
JOB_CANCEL = Histogram("wharf_job_cancel_seconds", "From the wish to cancel to the end.", buckets=SECONDS)
PUBLISH_FAILURES = Counter("wharf_publish_failures_total", "Messages that the broker did not take at once.")
FEED_ERRORS = Counter("wharf_feed_errors_total", "Snapshots or events that Redis did not take.")
WORKER_SLOTS = Gauge("wharf_worker_slots", "Jobs that this worker can run at once.", ["queue"], multiprocess_mode="max")

IMPORT_ROWS = Counter("wharf_import_rows_total", "Rows of imports by what became of them.", ["profile", "outcome"])
IMPORT_BYTES = Counter("wharf_import_bytes_total", "Bytes of files imported.", ["profile"])
PACKAGE_PAGES = Counter("wharf_package_pages_total", "Pages of PDFs that packages have.", ["package_type"])
PACKAGE_ROWS = Counter("wharf_package_rows_total", "Rows of packages that were made.", ["package_type"])

SCHEDULE_MISSED = Counter(
    "wharf_schedule_missed_total", "Occurrences that came too late; those of tenants under one name.", ["schedule"]
)
SCHEDULE_SUCCESS = Gauge(
    "wharf_schedule_last_success_timestamp_seconds",
    "When a job of a built-in schedule was last completed.",
    ["schedule"],
    multiprocess_mode="mostrecent",
)

WEBHOOK_DELIVERIES = Counter(
    "wharf_webhook_deliveries_total", "Tries to deliver a message, by what came of them.", ["outcome"]
)
WEBHOOK_SECONDS = Histogram("wharf_webhook_delivery_seconds", "Length of a try to deliver.", buckets=SECONDS)
BACKUP_SUCCESS = Gauge(
    "wharf_backup_last_success_timestamp_seconds",
    "When the newest backup was complete.",
    multiprocess_mode="mostrecent",
)
BACKUP_BYTES = Gauge("wharf_backup_bytes", "Size of the newest backup.", multiprocess_mode="mostrecent")
BACKUP_SECONDS = Gauge(
    "wharf_backup_seconds", "How long the newest backup took, its check included.", multiprocess_mode="mostrecent"
)
BACKUP_VERIFIED = Gauge(
    "wharf_backup_last_verified_timestamp_seconds",
    "When a backup was last restored on trial, and was whole.",
    multiprocess_mode="mostrecent",
)
CANARY_SECONDS = Histogram(
    "wharf_canary_seconds", "From sending a canary through a queue to its end.", ["queue"], buckets=SECONDS
)
CANARY_SUCCESS = Gauge(
    "wharf_canary_last_success_timestamp_seconds",
    "When a canary last came through a queue.",
    ["queue"],
)
CANARY_FAILURES = Counter(
    "wharf_canary_failures_total", "Canaries that failed, or did not come through in time.", ["queue", "outcome"]
)


def exposition() -> bytes:
    """All metrics of this service in Prometheus' text format."""
    if FOLDER not in os.environ:
        return prometheus_client.generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client has no types here
    return prometheus_client.generate_latest(registry)
