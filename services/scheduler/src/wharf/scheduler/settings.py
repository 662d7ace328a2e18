"""The settings of the scheduler: of beat and the dispatcher, and of the maintenance worker."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from wharf.common.errors import Invalid
from wharf.common.schedules import zone_named
from wharf.common.settings import WorkerSettings


def _zone(name: str) -> str:
    try:
        return zone_named(name).key
    except Invalid as error:
        raise ValueError(error.message) from None


LONGEST_DAYS = 36_500


def _days(value: int) -> int:
    if not 1 <= value <= LONGEST_DAYS:
        message = f"say 1 to {LONGEST_DAYS} days; with {value} what is still needed would be removed at once"
        raise ValueError(message)
    return value


Days = Annotated[int, AfterValidator(_days)]
"""For how long something is kept."""


class SchedulerSettings(WorkerSettings):
    """Beat reaches the ledger as the role `wharf_dispatch`, the maintenance worker as `wharf_app`."""

    dispatch_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    """How often the dispatcher looks, when nobody wakes it."""
    publish_grace_seconds: Annotated[float, Field(ge=0, le=60)] = 2.0
    """How long a new job is left to the one who submitted it before the dispatcher publishes it."""
    ageing_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """How long a published job waits before its priority rises by a level."""
    orphan_seconds: Annotated[float, Field(ge=10)] = 21_600.0
    """How old a stored file without a row must be to be deleted: longer than any upload takes."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """The IANA zone of the built-in schedules."""
    keep_uploads_days: Days = 90
    """Files of uploads, from the last import of them on; longer where something below still needs them."""
    keep_rejects_days: Days = 90
    """Rejected rows, from the end of their import on."""
    keep_staging_days: Days = 1
    """Staged rows of a dry run: its commit reads the file again afterwards."""
    keep_dry_runs_days: Days = 30
    """How long a dry run keeps its file for its commit."""
    keep_undo_days: Days = 90
    """What rows were before an import: for so long it can be undone."""
    keep_packages_days: Days = 30
    """Files of packages, from the last job that gave them on."""
    keep_logs_days: Days = 90
    """Log lines of jobs, by whole months, counted from the job's submission."""
    keep_attempts_days: Days = 90
    """Attempts at jobs, likewise."""
    keep_runs_days: Days = 90
    """What became of the times of schedules."""
