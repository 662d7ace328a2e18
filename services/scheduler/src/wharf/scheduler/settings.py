"""The settings of the scheduler: of beat and the dispatcher, and of the maintenance worker."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from wharf.common.schedules import ZoneName
from wharf.common.settings import BackupStorageSettings, Url, WebhookSettings, WorkerSettings
from wharf.scheduler.mail import Post


def _mail_server(url: SecretStr | None) -> SecretStr | None:
    parts = urlsplit(url.get_secret_value() if url else "smtp://none")
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("it has to be smtp://user:password@host:587 or smtps://…")
    return url


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


LONGEST_DAYS = 36_500


def _days(value: int) -> int:
    if not 1 <= value <= LONGEST_DAYS:
        message = f"say 1 to {LONGEST_DAYS} days; with {value} what is still needed would be removed at once"
        raise ValueError(message)
    return value


Days = Annotated[int, AfterValidator(_days)]
"""For how long something is kept."""


class SchedulerSettings(WorkerSettings, WebhookSettings, BackupSettings):
    """Beat reaches the ledger as the role `wharf_dispatch`, the maintenance worker as `wharf_app`."""

    dispatch_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    """How often the dispatcher looks, when nobody wakes it."""
    publish_grace_seconds: Annotated[float, Field(ge=0, le=60)] = 2.0
    """How long a new job is left to the one who submitted it before the dispatcher publishes it."""
    ageing_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """How long a published job waits before its priority rises by a level."""
    orphan_seconds: Annotated[float, Field(ge=10)] = 21_600.0
    """How old a stored object without a row must be to be deleted: longer than any upload takes."""
    time_zone: ZoneName = "UTC"
    """The IANA zone of the built-in schedules."""
    webhook_seconds: Annotated[float, Field(ge=1, le=60)] = 15.0
    """How long one try to deliver a message may take, from resolving the name to the end of the answer."""
    webhook_patience_days: Annotated[float, Field(gt=0, le=90)] = 5.0
    """After so long without a success a webhook that fails is disabled."""
    smtp_url: Annotated[SecretStr | None, AfterValidator(_mail_server)] = None
    """The server that mail is handed to."""
    mail_from: str | None = None
    """Whom mail comes from, such as `Wharf <wharf@example.org>`."""
    mail_max_bytes: Annotated[int, Field(ge=0)] = 10_000_000
    """What the files of one mail may have together; larger ones are told of."""
    public_url: str = ""
    """Where the gateway is found from outside, for what mail tells."""

    @property
    def post(self) -> Post:
        """How mail leaves the installation."""
        url = self.smtp_url.get_secret_value() if self.smtp_url else None
        return Post(url, self.mail_from, self.mail_max_bytes, self.public_url)

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
    keep_deliveries_days: Days = 30
    """What was delivered to webhooks, or given up."""
    keep_runs_days: Days = 90
    """What became of the times of schedules."""
