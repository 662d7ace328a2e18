"""For each alert: what makes it fire, and what looks alike and must not.

Series are written as promtool reads them, a value a minute: `0+3x20` rises by 3, `5x20` stays, `_x5` is missing.
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


OBJECTIVES = (
    Case(
        "WharfApiFails",
        "a tenth of the requests for ten minutes, after a quiet time",
        http("200", "0+90x70") | http("500", "0x55 0+10x15"),
        70,
        ({},),
        "critical",
        "api-availability",
    ),
    Case("WharfApiFails", "errors of clients", http("200", "0+90x70") | http("422", "0+50x70"), 70),
    Case(
        "WharfApiFails",
        "it is over, and much of the budget is gone",
        http("200", "0+90x90") | http("500", "0+10x20 200x70"),
        90,
        ({},),
        "warning",
        "api-availability",
    ),
    Case("WharfApiFails", "three of four at night", http("200", "0x69 1x1") | http("500", "0x68 3x2"), 70),
    Case(
        "WharfApiFails",
        "a little all day",
        http("200", "0+100x200") | http("500", "0+0.2x200"),
        200,
        ({},),
        "warning",
        "api-availability",
    ),
    Case(
        "WharfApiSlow",
        "a third of the answers",
        slow("0+60x70", "0+90x70"),
        70,
        BOTH,
        "",
        "api-latency",
    ),
    Case("WharfApiSlow", "uploads take as long as their files", slow("0+1x70", "0+90x70", "/api/v1/uploads"), 70),
    Case(
        "WharfJobsWaitTooLong",
        "urgent ones",
        waits("urgent", "1.0", "0+5x70", "0+10x70"),
        70,
        BOTH,
        "",
        "wait-urgent",
    ),
    Case(
        "WharfJobsWaitTooLong",
        "high ones",
        waits("high", "10.0", "0+1x70", "0+10x70"),
        70,
        BOTH,
        "",
        "wait-high",
    ),
    Case(
        "WharfJobsWaitTooLong",
        "normal ones",
        waits("normal", "60.0", "0+1x70", "0+10x70"),
        70,
        BOTH,
        "",
        "wait-normal",
    ),
    Case("WharfJobsWaitTooLong", "one of twenty normal ones may", waits("normal", "60.0", "0+19x70", "0+20x70"), 70),
    Case("WharfJobsWaitTooLong", "low ones have no target", waits("low", "60.0", "0+1x70", "0+10x70"), 70),
    Case("WharfJobsFail", "every second job", ends("0+5x70", "0+5x70"), 70, BOTH, "", "job-success"),
    Case(
        "WharfJobsFail",
        "every second job, among a thousand canaries",
        ends("0+5x70", "0+5x70") | ends("0+1000x70", "0x70", kind="canary") | ends("0+60x70", "0x70", kind="health"),
        70,
        BOTH,
        "",
        "job-success",
    ),
    Case("WharfJobsFail", "canaries only", ends("0+5x70", "0x70") | ends("0x70", "0+50x70", kind="canary"), 70),
    Case("WharfJobsFail", "files that cannot be read", ends("0+5x70", "0+50x70", "input"), 70),
)

JOBS = (
    Case("WharfOldestJobTooOld", "twenty minutes", oldest("0+60x30"), 22, (INGEST,)),
    Case("WharfOldestJobTooOld", "fourteen minutes", oldest("840x30"), 30),
    Case("WharfQueueNotDraining", "no start", oldest("0+60x20") | slots("2x20"), 10, (INGEST,), "critical"),
    Case(
        "WharfQueueNotDraining",
        "starts",
        oldest("0+60x20") | {'wharf_job_wait_seconds_count{queue="ingest"}': "0+1x20"},
        10,
    ),
    Case("WharfQueueNotDraining", "a long job holds all slots", oldest("0+60x20") | running("2x20"), 10),
    Case(
        "WharfNoWorkers",
        "nobody serves it",
        oldest("5+60x20", "package") | slots("2x20"),
        5,
        ({"queue": "package"},),
        "critical",
    ),
    Case("WharfNoWorkers", "somebody does", oldest("5+60x20") | slots("2x20"), 5),
    Case("WharfNoWorkers", "nothing waits for one", oldest("0x20", "package"), 5),
    Case(
        "WharfWorkersSaturated",
        "for a quarter of an hour",
        oldest("90x30") | slots("2x30") | running("2x30"),
        20,
        (INGEST,),
    ),
    Case("WharfWorkersSaturated", "busy, but nobody waits", oldest("1x30") | slots("2x30") | running("2x30"), 20),
    Case("WharfWorkersSaturated", "one slot is free", oldest("90x30") | slots("2x30") | running("1x30"), 20),
    Case("WharfJobStuck", "for minutes", {'wharf_jobs_stuck{queue="ingest"}': "1x10"}, 5, (INGEST,), "critical"),
    Case("WharfJobStuck", "for a moment", {'wharf_jobs_stuck{queue="ingest"}': "1x1 0x10"}, 5),
    Case(
        "WharfDeadLettersGrow",
        "nine in an hour",
        ends("0x60", "0+0.2x60") | {'wharf_jobs_dead{queue="ingest"}': "9x60"},
        50,
        (INGEST,),
    ),
    Case(
        "WharfDeadLettersGrow",
        "bad files",
        ends("0x60", "0+2x60", "input") | {'wharf_jobs_dead{queue="ingest"}': "99x60"},
        50,
    ),
    Case(
        "WharfDeadLettersGrow",
        "discarded meanwhile",
        ends("0x60", "0+1x60") | {'wharf_jobs_dead{queue="ingest"}': "0x60"},
        50,
    ),
    Case(
        "WharfRetryStorm",
        "most of the attempts",
        {'wharf_job_retries_total{kind="import"}': "0+8x30", 'wharf_job_run_seconds_count{kind="import"}': "0+10x30"},
        20,
        ({"kind": "import"},),
    ),
    Case(
        "WharfRetryStorm",
        "one in ten",
        {'wharf_job_retries_total{kind="import"}': "0+10x30", 'wharf_job_run_seconds_count{kind="import"}': "0+100x30"},
        20,
    ),
    Case("WharfDrift", "it lasts", {'wharf_ledger_broker_drift{queue="ingest"}': "3x10"}, 5, (INGEST,)),
    Case("WharfDrift", "messages under way", {'wharf_ledger_broker_drift{queue="ingest"}': "3 0 2 0 4 0 1"}, 6),
    Case("WharfDrift", "rung twice", {'wharf_ledger_broker_drift{queue="ingest"}': "-3x10"}, 5),
    Case(
        "WharfOutboxStalled",
        "the broker takes nothing",
        {"wharf_outbox_jobs": "3x10", 'wharf_messages_published_total{queue="ingest"}': "7x10"},
        8,
        ({},),
        "critical",
    ),
    Case(
        "WharfOutboxStalled",
        "a flood is being published",
        {"wharf_outbox_jobs": "300x10", 'wharf_messages_published_total{queue="ingest"}': "0+50x10"},
        8,
    ),
    Case(
        "WharfBeatStalled",
        "the last tick is old",
        {"wharf_scheduler_last_tick_timestamp_seconds": "60x10"},
        5,
        ({},),
        "critical",
    ),
    Case(
        "WharfBeatStalled",
        "the other one leads",
        {
            'wharf_scheduler_last_tick_timestamp_seconds{instance="a"}': "0x10",
            'wharf_scheduler_last_tick_timestamp_seconds{instance="b"}': "0+60x10",
        },
        5,
    ),
    Case("WharfBeatStalled", "none ever did a round", {"up": "1x10"}, 5, ({},), "critical"),
    Case(
        "WharfScheduleMissed",
        "once",
        {'wharf_schedule_missed_total{schedule="cleanup"}': "0x5 1x30"},
        20,
        ({"schedule": "cleanup"},),
    ),
    Case("WharfScheduleMissed", "long ago", {'wharf_schedule_missed_total{schedule="cleanup"}': "3x90"}, 80),
    Case("WharfCanaryFails", "every fifth minute one is late", canaries(LATE, "9x30"), 25, (INGEST,), "critical"),
    Case("WharfCanaryFails", "none ever came back", canaries("0+1x20"), 18, (INGEST,), "critical"),
    Case(
        "WharfCanaryFails",
        "late, and not all slots are busy",
        canaries(LATE, "9x30") | running("1x30") | slots("2x30"),
        25,
        (INGEST,),
        "critical",
    ),
    Case("WharfCanaryFails", "one of them came back", canaries(LATE, "9x20 10x10"), 25),
    Case("WharfCanaryFails", "one was late", canaries("0x10 1x20", "9x30"), 25),
    Case(
        "WharfCanaryFails",
        "a long import has the only slot",
        canaries(LATE, "9x30") | running("1x30") | slots("1x30"),
        25,
    ),
    Case("WharfCanaryFails", "none is sent", canaries("3x60", "9x60"), 55),
    Case("WharfHealthStandsStill", "for a quarter of an hour", health("0x30") | paused("0x30"), 18, ({},)),
    Case("WharfHealthStandsStill", "its queue rests", health("0x30") | paused("1x30"), 18),
    Case("WharfHealthStandsStill", "it goes on", health("0+60x30") | paused("0x30"), 18),
    Case(
        "WharfCanarySlow", "two minutes", {'wharf_canary_round_trip_seconds{queue="ingest"}': "120x20"}, 18, (INGEST,)
    ),
    Case("WharfCanarySlow", "once", {'wharf_canary_round_trip_seconds{queue="ingest"}': "1x5 120x1 1x14"}, 18),
    Case(
        "WharfBackupTooOld",
        "two days",
        {"wharf_backup_last_success_timestamp_seconds": "-130000x20"},
        10,
        ({},),
        "critical",
    ),
    Case("WharfBackupTooOld", "a day", {"wharf_backup_last_success_timestamp_seconds": "-86400x20"}, 10),
    Case(
        "WharfBackupTooOld",
        "there never was one",
        {"wharf_installed_timestamp_seconds": "-130000x20"},
        10,
        ({},),
        "critical",
    ),
    Case("WharfBackupTooOld", "installed yesterday", {"wharf_installed_timestamp_seconds": "-86400x20"}, 10),
    Case(
        "WharfBackupTooOld",
        "of an old installation",
        {
            "wharf_installed_timestamp_seconds": "-9000000x20",
            "wharf_backup_last_success_timestamp_seconds": "-86400x20",
        },
        10,
    ),
    Case("WharfBackupTrialFailed", "the newest", {"wharf_backup_trial_failed": "1x20"}, 10, ({},), "critical"),
    Case("WharfBackupTrialFailed", "the next one was whole", {"wharf_backup_trial_failed": "1x5 0x15"}, 10),
    Case(
        "WharfBackupTrialTooOld",
        "nine days",
        {
            "wharf_installed_timestamp_seconds": "-9000000x20",
            "wharf_backup_last_verified_timestamp_seconds": "-777600x20",
        },
        10,
        ({},),
    ),
    Case(
        "WharfBackupTrialTooOld", "never in nine days", {"wharf_installed_timestamp_seconds": "-777600x20"}, 10, ({},)
    ),
    Case("WharfBackupTrialTooOld", "last Sunday", {"wharf_backup_last_verified_timestamp_seconds": "-604800x20"}, 10),
    Case(
        "WharfWebhooksFail",
        "most",
        {
            'wharf_webhook_deliveries_total{outcome="failed"}': "0+3x40",
            'wharf_webhook_deliveries_total{outcome="delivered"}': "0+1x40",
        },
        40,
        ({},),
    ),
    Case(
        "WharfWebhooksFail",
        "most will be tried again",
        {
            'wharf_webhook_deliveries_total{outcome="retried"}': "0+3x40",
            'wharf_webhook_deliveries_total{outcome="delivered"}': "0+1x40",
        },
        40,
        ({},),
    ),
    Case(
        "WharfWebhooksFail",
        "delivered, but the end was not written",
        {
            'wharf_webhook_deliveries_total{outcome="lost"}': "0+3x40",
            'wharf_webhook_deliveries_total{outcome="delivered"}': "0+1x40",
        },
        40,
    ),
    Case(
        "WharfWebhooksFail",
        "some",
        {
            'wharf_webhook_deliveries_total{outcome="failed"}': "0+1x40",
            'wharf_webhook_deliveries_total{outcome="delivered"}': "0+9x40",
        },
        40,
    ),
)

SCALER = {"namespace": "w", "horizontalpodautoscaler": "keda-hpa-wharf-ingest"}
OF_IT = 'namespace="w",horizontalpodautoscaler="keda-hpa-wharf-ingest"'
PLATFORM = (
    Case("WharfBrokerEvicts", "its policy", {"wharf_broker_evicts": "1x5"}, 3, ({},), "critical"),
    Case(
        "WharfBrokerEvicts",
        "it did",
        {"wharf_broker_evicts": "0x9", "wharf_broker_evicted_keys_total": "0x3 5x6"},
        6,
        ({},),
        "critical",
    ),
    Case(
        "WharfBrokerEvicts", "long ago", {"wharf_broker_evicts": "0x30", "wharf_broker_evicted_keys_total": "5x30"}, 30
    ),
    Case(
        "WharfBrokerFull",
        "19 of 20",
        {"wharf_broker_memory_bytes": "95x10", "wharf_broker_memory_max_bytes": "100x10"},
        8,
        ({},),
    ),
    Case(
        "WharfBrokerFull",
        "without a limit",
        {"wharf_broker_memory_bytes": "95x10", "wharf_broker_memory_max_bytes": "0x10"},
        8,
    ),
    Case(
        "WharfDatabasePoolSaturated",
        "all, all the time",
        {'wharf_database_pool_used{instance="g"}': "5x10", 'wharf_database_pool_size{instance="g"}': "5x10"},
        6,
        ({"instance": "g"},),
    ),
    Case(
        "WharfDatabasePoolSaturated",
        "now and then",
        {'wharf_database_pool_used{instance="g"}': "5 1 5 2 5 0 5", 'wharf_database_pool_size{instance="g"}': "5x10"},
        6,
    ),
    Case(
        "WharfDatabaseConnectionsUsedUp",
        "95 of 100",
        {"wharf_database_connections": "95x10", "wharf_database_connections_max": "100x10"},
        8,
        ({},),
        "critical",
    ),
    Case(
        "WharfDatabaseConnectionsUsedUp",
        "half",
        {"wharf_database_connections": "50x10", "wharf_database_connections_max": "100x10"},
        8,
    ),
    Case(
        "WharfStorageErrors",
        "many",
        {'wharf_storage_errors_total{code="storage_unavailable"}': "0+2x10"},
        8,
        ({"code": "storage_unavailable"},),
    ),
    Case("WharfStorageErrors", "one", {'wharf_storage_errors_total{code="storage_unavailable"}': "0x5 1x10"}, 8),
    Case(
        "WharfDiskFillsUp",
        "a twentieth is left",
        {"wharf_storage_free_bytes": "5x30", "wharf_storage_size_bytes": "100x30"},
        20,
        ({},),
    ),
    Case(
        "WharfDiskFillsUp",
        "half, and a tenth less every hour",
        {"wharf_storage_free_bytes": "60-0.166x400", "wharf_storage_size_bytes": "100x400"},
        200,
        ({},),
    ),
    Case(
        "WharfDiskFillsUp",
        "a large file",
        {"wharf_storage_free_bytes": "90-1x40", "wharf_storage_size_bytes": "100x40"},
        38,
    ),
    Case(
        "WharfDiskFillsUp", "half", {"wharf_storage_free_bytes": "50x200", "wharf_storage_size_bytes": "100x200"}, 200
    ),
    Case(
        "WharfScalerAtMax",
        "ten of ten",
        {
            f"kube_horizontalpodautoscaler_status_current_replicas{{{OF_IT}}}": "10x20",
            f"kube_horizontalpodautoscaler_spec_max_replicas{{{OF_IT}}}": "10x20",
        },
        18,
        (SCALER,),
    ),
    Case(
        "WharfScalerAtMax",
        "nine of ten",
        {
            f"kube_horizontalpodautoscaler_status_current_replicas{{{OF_IT}}}": "9x20",
            f"kube_horizontalpodautoscaler_spec_max_replicas{{{OF_IT}}}": "10x20",
        },
        18,
    ),
    Case(
        "WharfCollectorFails",
        "no scheduler sees the ledger",
        {'wharf_collector_up{source="ledger"}': "0x5"},
        4,
        ({"source": "ledger"},),
        "critical",
    ),
    Case("WharfCollectorFails", "there is none", {"up": "1x5"}, 4, ({},), "critical"),
    Case(
        "WharfCollectorFails",
        "one of two sees it",
        {
            'wharf_collector_up{instance="a",source="ledger"}': "0x5",
            'wharf_collector_up{instance="b",source="ledger"}': "1x5",
        },
        4,
    ),
    Case(
        "WharfTargetDown",
        "one of two",
        {'up{job="wharf",instance="a"}': "0x5", 'up{job="wharf",instance="b"}': "1x5"},
        4,
        ({"job": "wharf", "instance": "a"},),
        "critical",
    ),
    Case("WharfTargetDown", "none is known", {'up{job="other"}': "1x5"}, 4, ({"job": "wharf"},), "critical"),
    Case("WharfTargetDown", "all are up", {'up{job="wharf",instance="a"}': "1x5"}, 4),
    Case("WharfWatchdog", "always", {"up": "1x5"}, 1, ({},), "none"),
)

BY_FILE = {"objectives": OBJECTIVES, "jobs": JOBS, "platform": PLATFORM}
CASES = (*OBJECTIVES, *JOBS, *PLATFORM)
