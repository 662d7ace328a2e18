"""The settings of the scheduler: of beat and the dispatcher, and of the maintenance worker."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from wharf.common.errors import Invalid
from wharf.common.schedules import zone_named
from wharf.common.settings import BackupStorageSettings, Url, WorkerSettings


def _zone(name: str) -> str:
    try:
        return zone_named(name).key
    except Invalid as error:
        raise ValueError(error.message) from None


def _kept(number: int) -> int:
    if number < 1:
        raise ValueError("keep at least 1: with 0 there would be no backup of that kind, however much was lost")
    return number


Kept = Annotated[int, AfterValidator(_kept), Field(le=1000)]


class BackupSettings(BackupStorageSettings):
    """How backups are made, and which are kept."""

    backup_database_url: Url | None = None
    """The ledger as the role `wharf_backup`; None: there are no backups."""
    backup_keep_daily: Kept = 7
    backup_keep_weekly: Kept = 4
    backup_keep_monthly: Kept = 12
    postgres_programs: str = ""
    """Folders with `pg_dump` and `pg_restore`, separated as in PATH; empty: PATH."""


class SchedulerSettings(WorkerSettings, BackupSettings):
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
