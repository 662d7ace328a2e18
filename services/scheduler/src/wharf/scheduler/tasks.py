"""The kinds of job that the maintenance worker runs."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import text

from wharf.common.jobs.kinds import BENCHMARK, CLEANUP, ECHO, HEALTH, CleanupPayload, EchoPayload
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.implementation import Implementation
from wharf.scheduler.benchmarks import run_benchmarks
from wharf.scheduler.health import Voice, run_health

CLEAN_UP = text("SELECT wharf.clean_up(make_interval(days => :days))")


def echo(context: JobContext[EchoPayload]) -> dict[str, Any]:
    """Give the message back."""
    context.report(1, 1, stage="echo", message=context.payload.message)
    return {"message": context.payload.message}


def cleanup(context: JobContext[CleanupPayload]) -> dict[str, Any]:
    """Delete what is kept for a time only; how many rows of what went."""
    with context.transaction() as connection:
        gone: dict[str, Any] = connection.execute(CLEAN_UP, {"days": context.payload.keep_runs_days}).scalar_one()
    total = sum(gone.values())
    context.report(total, total, stage="cleanup", message=f"{total:,} rows that were kept for a time only are gone.")
    return gone


IMPLEMENTATIONS: tuple[Implementation[Any], ...] = (
    Implementation(ECHO, echo),
    Implementation(CLEANUP, cleanup),
    Implementation(BENCHMARK, run_benchmarks),
    Implementation(HEALTH, partial(run_health, announce=Voice())),
)
