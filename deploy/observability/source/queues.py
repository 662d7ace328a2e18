"""The dashboard Queues: what waits, who works, what goes wrong on the way."""

from __future__ import annotations

from deploy.observability.source.figures import (
    COUNT,
    PER_SECOND,
    SECONDS,
    SHARE,
    Board,
    Figure,
    Query,
    Row,
    Shape,
    all_of,
    each,
    p95,
    rate,
    rise,
    sum_of,
)

OF = 'queue=~"$queue"'
WAITING = Row(
    "Waiting",
    (
        Figure(
            "Depth",
            "How many jobs wait?",
            "By queue and priority; those that wait for a place among their tenant's too.",
            COUNT,
            (each(all_of, "wharf_queue_depth", "queue, priority", OF),),
            Shape.STACKED,
            "WharfWorkersSaturated",
        ),
        Figure(
            "Oldest",
            "Does anybody wait for ever?",
            "How long the oldest job waits. Queues that are paused do not count.",
            SECONDS,
            (each(all_of, "wharf_queue_oldest_wait_seconds", "queue", OF),),
            runbook="WharfOldestJobTooOld",
            bad_above=900,
        ),
        Figure(
            "Wait",
            "How long do jobs wait that have begun?",
            "The 95th percentile from being due to being claimed. Silent where nothing moves: look at the oldest.",
            SECONDS,
            (each(p95, "wharf_job_wait_seconds", "queue", OF),),
            runbook="WharfJobsWaitTooLong",
        ),
        Figure(
            "Paused",
            "Does a queue rest on purpose?",
            "1 where it rests for the whole installation.",
            COUNT,
            (each(all_of, "wharf_queue_paused", "queue", OF),),
            runbook="WharfQueueNotDraining",
        ),
    ),
)
WORKERS = Row(
    "Workers",
    (
        Figure(
            "Busy",
            "Are there enough workers?",
            "Jobs that run over the slots there are; at 1 more workers help.",
            SHARE,
            (
                Query(
                    f"{all_of('wharf_jobs_running', 'queue', OF)}"
                    f" / on (queue) {sum_of('wharf_worker_slots', 'queue', OF)}",
                    "{{queue}}",
                ),
            ),
            runbook="WharfWorkersSaturated",
        ),
        Figure(
            "Slots",
            "How much can run at once?",
            "The slots of all workers that answer.",
            COUNT,
            (each(sum_of, "wharf_worker_slots", "queue", OF),),
            runbook="WharfNoWorkers",
        ),
        Figure(
            "Run",
            "How long does an attempt take?",
            "The 95th percentile, by kind of job.",
            SECONDS,
            (each(p95, "wharf_job_run_seconds", "kind"),),
            runbook="WharfWorkersSaturated",
        ),
        Figure(
            "Oldest run",
            "Does a job run for ever?",
            "How long the oldest attempt runs; time limits end it.",
            SECONDS,
            (each(all_of, "wharf_jobs_oldest_run_seconds", "queue", OF),),
            runbook="WharfJobStuck",
        ),
    ),
)
TROUBLE = Row(
    "Trouble",
    (
        Figure(
            "Failures by cause",
            "Why do jobs fail?",
            "input: the file; permanent: trying again cannot help; exhausted: all tries used up; died: their workers.",
            PER_SECOND,
            (each(rate, "wharf_jobs_failed_total", "kind, cause", OF),),
            runbook="WharfJobsFail",
        ),
        Figure(
            "Retries",
            "How often does an attempt fail for now?",
            "By kind of job.",
            PER_SECOND,
            (each(rate, "wharf_job_retries_total", "kind"),),
            runbook="WharfRetryStorm",
        ),
        Figure(
            "Published again",
            "Why are messages sent more than once?",
            "retry, aged (by waiting), reaped (a worker died), given_back (it stopped), unpublished, lost.",
            PER_SECOND,
            (each(rate, "wharf_jobs_redispatched_total", "reason"),),
            runbook="WharfDrift",
        ),
        Figure(
            "Drift",
            "Does the broker hold what the ledger thinks?",
            "Published jobs that nobody has claimed, less the messages there. Above 0 for long: messages are lost.",
            COUNT,
            (each(all_of, "wharf_ledger_broker_drift", "queue", OF),),
            runbook="WharfDrift",
        ),
        Figure(
            "Outbox",
            "Does every job get its message?",
            "Jobs with a place and without a message.",
            COUNT,
            (Query(all_of("wharf_outbox_jobs"), "jobs"),),
            runbook="WharfOutboxStalled",
        ),
        Figure(
            "Stuck",
            "Is there a job that nobody takes back?",
            "Its lease ran out, or its cancel was not heard, for more than a minute.",
            COUNT,
            (each(all_of, "wharf_jobs_stuck", "queue", OF),),
            runbook="WharfJobStuck",
            bad_above=0,
        ),
        Figure(
            "Dead letters",
            "How many failed jobs wait for somebody?",
            "Until they are retried or discarded.",
            COUNT,
            (each(all_of, "wharf_jobs_dead", "queue", OF),),
            runbook="WharfDeadLettersGrow",
        ),
        Figure(
            "Recovery and cancel",
            "How quickly does a job go on after its worker's death, and stop when it is cancelled?",
            "The 95th percentiles.",
            SECONDS,
            (
                Query(p95("wharf_job_recovery_seconds"), "recovery"),
                Query(p95("wharf_job_cancel_seconds"), "cancel"),
            ),
            runbook="WharfJobStuck",
        ),
        Figure(
            "Fenced and dropped",
            "How often were two at one job?",
            "Attempts that had lost their lease and committed nothing; messages with nothing left to claim.",
            COUNT,
            (Query(rise("wharf_jobs_fenced_total"), "fenced"), Query(rise("wharf_messages_dropped_total"), "dropped")),
            runbook="WharfJobStuck",
        ),
    ),
)
BOARD = Board(
    "queues",
    "Wharf: Queues",
    "What waits, who works on it, and what goes wrong on the way?",
    (WAITING, WORKERS, TROUBLE),
    (("queue", "wharf_queue_depth"),),
)
