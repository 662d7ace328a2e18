"""A case of an alert, and its series as promtool reads them.

A value a minute: `0+3x20` rises by 3, `5x20` stays, `_x5` is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Labels = dict[str, str]
INGEST: Labels = {"queue": "ingest"}
BOTH: tuple[Labels, ...] = ({"severity": "critical"}, {"severity": "warning"})


@dataclass(frozen=True, slots=True)
class Case:
    """At a minute of these series, the alert fires with these sets of labels (none: it does not)."""

    alert: str
    why: str
    series: dict[str, str]
    at: int
    fires: tuple[Labels, ...] = ()
    severity: str = "warning"
    objective: str = field(default="")


def http(status: str, values: str) -> dict[str, str]:
    """Requests with that status."""
    return {f'wharf_http_requests_total{{method="GET",route="/api/v1/jobs",status="{status}"}}': values}


def slow(within: str, total: str, route: str = "/api/v1/jobs") -> dict[str, str]:
    """Requests, and those answered within half a second."""
    of = f'method="GET",route="{route}"'
    return {
        f'wharf_http_request_seconds_bucket{{{of},le="0.5"}}': within,
        f"wharf_http_request_seconds_count{{{of}}}": total,
    }


def waits(priority: str, le: str, within: str, total: str) -> dict[str, str]:
    """Jobs of a priority, and those that waited no longer than that."""
    return {
        f'wharf_priority_wait_seconds_bucket{{priority="{priority}",le="{le}"}}': within,
        f'wharf_priority_wait_seconds_count{{priority="{priority}"}}': total,
    }


def ends(completed: str, failed: str, cause: str = "permanent", kind: str = "import") -> dict[str, str]:
    """Jobs that ended, the failed ones by that cause."""
    return {
        f'wharf_jobs_finished_total{{kind="{kind}",queue="ingest",status="completed"}}': completed,
        f'wharf_jobs_failed_total{{kind="{kind}",queue="ingest",cause="{cause}"}}': failed,
    }


def oldest(values: str, queue: str = "ingest") -> dict[str, str]:
    """How long the oldest waits."""
    return {f'wharf_queue_oldest_wait_seconds{{queue="{queue}"}}': values}


def slots(values: str, queue: str = "ingest") -> dict[str, str]:
    """The slots of a worker."""
    return {f'wharf_worker_slots{{instance="w1",queue="{queue}"}}': values}


def running(values: str) -> dict[str, str]:
    """Jobs that are worked on."""
    return {'wharf_jobs_running{queue="ingest"}': values}


LATE = "0x6 1x5 2x5 3x5 4x5"
"""Of a counter: once every six minutes, when one is given up and the next one was sent."""


def canaries(failed: str, came: str = "_x30") -> dict[str, str]:
    """Those that were late, and those that came back."""
    return {
        'wharf_canary_failures_total{queue="ingest",outcome="late"}': failed,
        'wharf_canary_seconds_count{queue="ingest"}': came,
    }


def health(values: str) -> dict[str, str]:
    """When the schedule last succeeded."""
    return {'wharf_schedule_last_success_timestamp_seconds{schedule="health"}': values}


def paused(values: str) -> dict[str, str]:
    """Whether the queue that it runs on rests."""
    return {'wharf_queue_paused{queue="maintenance"}': values}
