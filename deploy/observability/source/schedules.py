"""The dashboard Schedules: what begins by itself, and what looks after the rest."""

from __future__ import annotations

from deploy.observability.source.figures import (
    COUNT,
    PER_SECOND,
    SECONDS,
    Board,
    Figure,
    Query,
    Row,
    all_of,
    each,
    quantiles,
    rate,
    rise,
)

MAINTENANCE = 'queue="maintenance"'
BOARD = Board(
    "schedules",
    "Wharf: Schedules",
    "Does what should begin by itself begin, and succeed?",
    (
        Row(
            "Schedules",
            (
                Figure(
                    "Since the last success",
                    "Did each built-in schedule succeed lately?",
                    "One that is switched off, or without a success yet, is missing.",
                    SECONDS,
                    (
                        Query(
                            f"time() - {all_of('wharf_schedule_last_success_timestamp_seconds', 'schedule')}",
                            "{{schedule}}",
                        ),
                    ),
                    runbook="WharfScheduleMissed",
                ),
                Figure(
                    "Missed",
                    "Which times came too late to be run?",
                    "In the time shown; those of tenants under one name.",
                    COUNT,
                    (each(rise, "wharf_schedule_missed_total", "schedule"),),
                    runbook="WharfScheduleMissed",
                ),
                Figure(
                    "Since the last round",
                    "Does a scheduler lead, and work?",
                    "Since the leading scheduler last did all that was due.",
                    SECONDS,
                    (Query("time() - max(wharf_scheduler_last_tick_timestamp_seconds)", "scheduler"),),
                    runbook="WharfBeatStalled",
                    bad_above=60,
                ),
            ),
        ),
        Row(
            "Maintenance",
            (
                Figure(
                    "Jobs",
                    "What does the installation do for itself?",
                    "Jobs of the queue maintenance that ended, by kind.",
                    COUNT,
                    (each(rise, "wharf_jobs_finished_total", "kind, status", 'queue="maintenance"'),),
                    runbook="WharfJobsFail",
                ),
                Figure(
                    "Wait",
                    "Is the maintenance worker free?",
                    "From being due to being claimed.",
                    SECONDS,
                    quantiles("wharf_job_wait_seconds", of=MAINTENANCE),
                    runbook="WharfJobsWaitTooLong",
                ),
                Figure(
                    "Since the last backup",
                    "What would be lost with the database?",
                    "Since the last backup that succeeded.",
                    SECONDS,
                    (Query("time() - max(wharf_backup_last_success_timestamp_seconds)", "backup"),),
                    runbook="WharfBackupTooOld",
                ),
                Figure(
                    "Webhooks",
                    "Are those told who want to be?",
                    "Deliveries, by what became of them.",
                    PER_SECOND,
                    (each(rate, "wharf_webhook_deliveries_total", "outcome"),),
                    runbook="WharfWebhooksFail",
                ),
            ),
        ),
    ),
)
