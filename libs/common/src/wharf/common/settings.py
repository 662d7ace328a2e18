"""Settings in small groups; every service composes its own from these.

Read once, in a service's `__main__` (or its Celery `app` module), from `WHARF_*` variables and `.env`. A variable that
is empty counts as not set, as Compose files hand on what nobody chose. No secret has a default; each may come from a
file (`secretfiles`). All of them are listed in docs/settings.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from wharf.common.errors import Invalid
from wharf.common.secretfiles import SecretFiles
from wharf.common.webhooks import Network, networks

T = TypeVar("T", bound="Settings")

DSN = re.compile(r"https?://[^/\s@]+@[^/\s@]+(/[^\s]*)?/\d+")
"""How Sentry calls a project."""

Url = SecretStr
"""An address that may carry a password: never printed."""


class Settings(BaseSettings):
    """Where settings come from: `WHARF_*`, then `.env` in the working folder, then the files of secrets."""

    model_config = SettingsConfigDict(
        env_prefix="WHARF_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's own folder of secrets: not ours
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """As pydantic has it, with our files of secrets last."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)


def _networks(said: str) -> str:
    networks(said)
    return said


class DatabaseSettings(Settings):
    """The ledger: PostgreSQL 15 or newer, as the role that fits the service."""

    database_url: Url = Field(validation_alias=AliasChoices("WHARF_DATABASE_URL", "DATABASE_URL"))
    database_pool: Annotated[int, Field(ge=1, le=50)] = 5
    """Connections that one process keeps open."""


class RedisSettings(Settings):
    """Progress snapshots and events. Losing it loses nothing but live progress."""

    redis_url: Url = Field(validation_alias=AliasChoices("WHARF_REDIS_URL", "REDIS_URL"))


class BrokerSettings(Settings):
    """The doorbell: Redis (a database number of its own) or RabbitMQ."""

    broker_url: Url = Field(validation_alias=AliasChoices("WHARF_BROKER_URL", "CELERY_BROKER_URL"))


class StorageSettings(Settings):
    """Where uploads and packages are kept: a `file:///` folder or an `s3://bucket/prefix`.

    The `s3_` ones are for the latter; what is not said comes from where AWS' own tools take it (`AWS_*`, a role).
    """

    storage_url: str
    s3_endpoint: str | None = None
    """Address of a server that speaks S3; none: Amazon's."""
    s3_region: str | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None


class BackupStorageSettings(StorageSettings):
    """Where backups are kept."""

    backup_storage_url: str | None = None
    """Another place than `storage_url`, with the same keys; None: there, below `backups/`."""


class LogSettings(Settings):
    """One JSON object a line on stdout, or what a person reads more easily."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"


class HealthSettings(Settings):
    """How the outside sees that a process lives."""

    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port of `/metrics`, `/livez` and `/readyz`; 0 serves none."""
    metrics_host: str = "127.0.0.1"
    heartbeat_file: Path | None = None
    """Touched by the main loop every two seconds."""


class WebhookSettings(Settings):
    """Where webhooks may lead."""

    webhook_allowed_networks: Annotated[str, AfterValidator(_networks)] = ""
    """Comma-separated: networks that are not public, and that webhooks may lead to all the same."""

    @property
    def allowed_networks(self) -> tuple[Network, ...]:
        """The networks, read."""
        return networks(self.webhook_allowed_networks)


class TraceSettings(Settings):
    """Traces, for those who have somewhere to send them."""

    otlp_endpoint: str | None = None
    """Base address of an OTLP collector over HTTP; None: `OTEL_EXPORTER_OTLP_*`, or no traces."""


def _is_dsn(said: SecretStr | None) -> SecretStr | None:
    if said is not None and not DSN.fullmatch(said.get_secret_value()):
        raise ValueError("no DSN: write https://key@host/project, with the project's number")
    return said


class SentrySettings(Settings):
    """Reports of bugs, for those who have a Sentry."""

    sentry_dsn: Annotated[Url | None, AfterValidator(_is_dsn)] = None
    """Address of a project in Sentry, with its key; None: no reports."""


class ServiceSettings(
    DatabaseSettings,
    RedisSettings,
    BrokerSettings,
    StorageSettings,
    LogSettings,
    HealthSettings,
    TraceSettings,
    SentrySettings,
):
    """What every service needs."""


class WorkerSettings(ServiceSettings):
    """What every Celery worker needs."""

    queues: str = ""
    """Comma-separated; empty: the service's own queue."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 2
    """Child processes of one worker."""
    soft_time_limit: Annotated[int, Field(ge=1)] = 600
    """Seconds after which a job is told to end."""
    time_limit: Annotated[int, Field(ge=1)] = 900
    """Seconds after which its process is killed."""
    max_jobs_per_child: Annotated[int, Field(ge=1)] = 1000
    lease_seconds: Annotated[int, Field(ge=2, le=600)] = 20
    stop_seconds: Annotated[float, Field(gt=0)] = 30
    """How long a stop may take before whoever asked for it kills the worker."""
    finish_seconds: Annotated[float, Field(ge=0)] | None = None
    """How long running jobs may finish in a stop before they are given back; None: all but the last 15 seconds."""

    @property
    def kill_after(self) -> float:
        """Seconds from the signal to stop until the jobs that still run are given back by force."""
        return self.stop_seconds - min(3.0, self.stop_seconds / 3)

    @property
    def finish_within(self) -> float:
        """Seconds from the signal to stop until jobs are told to stop at their next step."""
        wanted = max(self.stop_seconds - 15, 0) if self.finish_seconds is None else self.finish_seconds
        return min(wanted, self.kill_after)


def sentence_for(error: Exception) -> str:
    """What a person is told when the settings cannot be read: the variables by name, never their values."""
    problems = getattr(error, "errors", None)
    if not callable(problems):
        return str(error)
    found = problems(include_input=False, include_url=False)
    names = sorted(f"{_variable(p['loc'])} ({p['msg'].lower()})" for p in found)
    return f"These settings are missing or wrong: {', '.join(names)}. Set them in the environment or in .env."


def _variable(loc: tuple[int | str, ...]) -> str:
    name = str(loc[0]) if loc else "?"
    return name if name.isupper() else f"WHARF_{name.upper()}"


def load(kind: type[T]) -> T:
    """Read settings of that kind; raises `Invalid` (`bad_settings`) with one sentence."""
    try:
        return kind()
    except ValueError as error:
        raise Invalid(sentence_for(error), code="bad_settings") from None
