"""The dashboard Overview: is everything well, and if not, where to look."""

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
    quantiles,
    rate,
)
from deploy.observability.source.objectives import AVAILABILITY, SUCCESS

SHOWN = "$__range"
"""The time that is shown."""

NOW = Row(
    "Now",
    (
        Figure(
            "Alerts",
            "Does anything need somebody?",
            "Alerts that fire, but for the watchdog, which always does.",
            COUNT,
            (Query('count(ALERTS{alertstate="firing",alertname=~"Wharf.*",severity!="none"}) or vector(0)'),),
            Shape.NUMBER,
            "WharfWatchdog",
            0,
        ),
        Figure(
            "Answered",
            "How many requests were served?",
            "The share of requests, probes apart, that were not answered with a 5xx. The objective is 99.9 %.",
            SHARE,
            (Query(AVAILABILITY.kept(SHOWN)),),
            Shape.NUMBER,
            "WharfApiFails",
        ),
        Figure(
            "Jobs succeeded",
            "How many jobs did what they were to?",
            "Files that cannot be read are no failure of ours; they and canaries do not count. The objective is 99 %.",
            SHARE,
            (Query(SUCCESS.kept(SHOWN)),),
            Shape.NUMBER,
            "WharfJobsFail",
        ),
        Figure(
            "Waiting",
            "How much work is there that nobody does yet?",
            "Jobs of all queues that wait to be claimed.",
            COUNT,
            (Query(f"sum({all_of('wharf_queue_depth', 'queue, priority')})"),),
            Shape.NUMBER,
            "WharfOldestJobTooOld",
        ),
        Figure(
            "Dead letters",
            "How many failed jobs wait for a decision?",
            "Failed jobs that nobody has retried or discarded.",
            COUNT,
            (Query(f"sum({all_of('wharf_jobs_dead', 'queue')})"),),
            Shape.NUMBER,
            "WharfDeadLettersGrow",
        ),
        Figure(
            "Sources",
            "Can we see everything?",
            "What is looked at in ledger, broker and storage: 0 is a source that does not answer.",
            COUNT,
            (each(all_of, "wharf_collector_up", "source"),),
            Shape.NUMBER,
            "WharfCollectorFails",
        ),
    ),
)

REQUESTS = Row(
    "Requests",
    (
        Figure(
            "Requests",
            "How much is asked of the API, and how is it answered?",
            "By status: 4xx are clients' mistakes, 5xx ours.",
            PER_SECOND,
            (each(rate, "wharf_http_requests_total", "status"),),
            Shape.STACKED,
            "WharfApiFails",
        ),
        Figure(
            "Time to answer",
            "How long do clients wait?",
            "To the answer's begin, all routes; uploads take as long as their files take to arrive.",
            SECONDS,
            quantiles("wharf_http_request_seconds"),
            runbook="WharfApiSlow",
        ),
        Figure(
            "Slowest routes",
            "Which route is it?",
            "The bad end of each route.",
            SECONDS,
            (Query(f"topk(8, {p95('wharf_http_request_seconds', 'route')})", "{{route}}"),),
            runbook="WharfApiSlow",
        ),
    ),
)

JOBS = Row(
    "Jobs",
    (
        Figure(
            "Submitted and finished",
            "Does the work keep up?",
            "Where the line of what is submitted stays above that of what ends, queues grow.",
            PER_SECOND,
            (
                Query(rate("wharf_jobs_submitted_total"), "submitted"),
                each(rate, "wharf_jobs_finished_total", "status"),
            ),
        ),
        Figure(
            "Wait by priority",
            "Do urgent jobs begin at once?",
            "The 95th percentile; targets are 1 s (urgent), 10 s (high), 60 s (normal).",
            SECONDS,
            (each(p95, "wharf_priority_wait_seconds", "priority"),),
            runbook="WharfJobsWaitTooLong",
        ),
        Figure(
            "Budgets",
            "How much of the error budgets did the last days take?",
            "1 is all of it, over three days.",
            SHARE,
            (
                Query(
                    "wharf:slo_bad:increase3d / wharf:slo_total:increase3d / on (slo) wharf:slo_budget",
                    "{{slo}}",
                ),
            ),
            runbook="WharfApiFails",
        ),
        Figure(
            "Canary",
            "How long does a tiny job take that is sent as a client's is?",
            "From submit to end, by queue.",
            SECONDS,
            (each(all_of, "wharf_canary_round_trip_seconds", "queue"),),
            runbook="WharfCanaryFails",
        ),
    ),
)

BOARD = Board("overview", "Wharf: Overview", "Is everything well, and if not, where to look?", (NOW, REQUESTS, JOBS))
