"""The dashboard Imports: what files become."""

from __future__ import annotations

from deploy.observability.source.figures import (
    BYTES_PER_SECOND,
    COUNT,
    PER_SECOND,
    SECONDS,
    SHARE,
    Board,
    Figure,
    Query,
    Row,
    Shape,
    each,
    quantiles,
    rate,
    rise,
)

OF = 'profile=~"$profile"'
REJECTED = f'{OF},outcome="rejected"'
BOARD = Board(
    "imports",
    "Wharf: Imports",
    "How much is loaded, how fast, and how good are the files?",
    (
        Row(
            "Throughput",
            (
                Figure(
                    "Rows",
                    "How many rows are read, and what becomes of them?",
                    "inserted, updated, unchanged, superseded (an earlier row of the same key), rejected.",
                    PER_SECOND,
                    (each(rate, "wharf_import_rows_total", "outcome", OF),),
                    Shape.STACKED,
                ),
                Figure(
                    "Bytes",
                    "How much is read?",
                    "By profile.",
                    BYTES_PER_SECOND,
                    (each(rate, "wharf_import_bytes_total", "profile", OF),),
                ),
                Figure(
                    "Run",
                    "How long does an import take?",
                    "Attempts, whatever became of them.",
                    SECONDS,
                    quantiles("wharf_job_run_seconds", of='kind="import"'),
                    runbook="WharfWorkersSaturated",
                ),
            ),
        ),
        Row(
            "Quality",
            (
                Figure(
                    "Rejected",
                    "Whose files get worse?",
                    "The share of rows that were set aside, by profile, in the time shown.",
                    SHARE,
                    (
                        Query(
                            f"{rise('wharf_import_rows_total', 'profile', REJECTED)}"
                            f" / on (profile) {rise('wharf_import_rows_total', 'profile', OF)}",
                            "{{profile}}",
                        ),
                    ),
                ),
                Figure(
                    "Rows by profile",
                    "What is loaded most?",
                    "In the time shown.",
                    COUNT,
                    (each(rise, "wharf_import_rows_total", "profile", OF),),
                ),
                Figure(
                    "Ends",
                    "How do imports end?",
                    "failed with the cause input: the file cannot be used as it is, and its owner was told why.",
                    COUNT,
                    (
                        each(rise, "wharf_jobs_finished_total", "status", 'kind="import"'),
                        Query(rise("wharf_jobs_failed_total", "cause", 'kind="import"'), "failed: {{cause}}"),
                    ),
                    runbook="WharfJobsFail",
                ),
            ),
        ),
    ),
    (("profile", "wharf_import_rows_total"),),
)
