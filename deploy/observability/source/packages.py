"""The dashboard Packages: what is made of the data."""

from __future__ import annotations

from deploy.observability.source.figures import (
    COUNT,
    PER_SECOND,
    SECONDS,
    Board,
    Figure,
    Row,
    each,
    quantiles,
    rate,
    rise,
)

OF = 'package_type=~"$package_type"'
BOARD = Board(
    "packages",
    "Wharf: Packages",
    "How many packages are made, how large, and how quickly?",
    (
        Row(
            "Packages",
            (
                Figure(
                    "Pages",
                    "How many pages are drawn?",
                    "By type of package.",
                    PER_SECOND,
                    (each(rate, "wharf_package_pages_total", "package_type", OF),),
                ),
                Figure(
                    "Rows",
                    "How many rows are written?",
                    "By type of package.",
                    PER_SECOND,
                    (each(rate, "wharf_package_rows_total", "package_type", OF),),
                ),
                Figure(
                    "Run",
                    "How long does a package take?",
                    "Attempts, whatever became of them.",
                    SECONDS,
                    quantiles("wharf_job_run_seconds", of='kind="package"'),
                    runbook="WharfWorkersSaturated",
                ),
                Figure(
                    "Ends",
                    "How do packages end?",
                    "In the time shown.",
                    COUNT,
                    (each(rise, "wharf_jobs_finished_total", "status", 'kind="package"'),),
                    runbook="WharfJobsFail",
                ),
                Figure(
                    "Wait",
                    "How long does one wait for a worker?",
                    "From being due to being claimed, on the queue package.",
                    SECONDS,
                    quantiles("wharf_job_wait_seconds", of='queue="package"'),
                    runbook="WharfJobsWaitTooLong",
                ),
            ),
        ),
    ),
    (("package_type", "wharf_package_rows_total"),),
)
