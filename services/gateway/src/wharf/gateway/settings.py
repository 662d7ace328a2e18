"""The settings of the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from wharf.common.settings import BackupStorageSettings, ServiceSettings, WebhookSettings


class GatewaySettings(ServiceSettings, WebhookSettings, BackupStorageSettings):
    """What the gateway needs: the ledger as the role `wharf_app`, Redis, the broker, object storage, an address."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    upload_max_bytes: Annotated[int, Field(ge=1)] = 2 * 2**30
    """The largest file that is taken, in bytes."""
    bulk_bytes: Annotated[int, Field(ge=0)] = 32 * 2**20
    """Larger files are loaded by the workers of the queue `ingest-bulk`."""
    base_path: Annotated[
        str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*/?$"), AfterValidator(lambda path: path.rstrip("/"))
    ] = ""
    """The path of `WHARF_PUBLIC_URL` below which a proxy shows us, such as `/wharf`; empty: a host of our own."""
    keepalive_seconds: Annotated[int, Field(ge=1, le=3600)] = 75
    """How long a connection without a request stays open: longer than a proxy keeps it for its next request, or that
    one comes just when it is closed, and the proxy answers 502."""
    stop_seconds: Annotated[int, Field(ge=1, le=600)] = 8
    """How long requests may go on after the process was asked to stop."""
    events_keepalive_seconds: Annotated[float, Field(gt=0, le=300)] = 15.0
    """How often a stream of events with nothing to say shows that it lives."""
    events_recheck_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    """How often an open stream looks up its key, and the ledger, again."""
    events_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    """How often streams ask the ledger while Redis is away."""
    events_max_streams: Annotated[int, Field(ge=1)] = 1000
    """Open streams of events and sockets in one process."""
    events_auth_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long a socket that was opened without a key may take to send one."""
    legacy_key_file: Path | None = None
    """A file with the API key under which the five systems' clients stand that bring none."""
    session_idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    """A session of the console that nobody uses ends after so long."""
    session_hours: Annotated[int, Field(ge=1, le=168)] = 12
    """A session of the console ends after so long in any case."""
