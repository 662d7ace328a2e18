"""The settings of the ingest worker."""

from __future__ import annotations

from wharf.common.settings import WorkerSettings


class IngestSettings(WorkerSettings):
    """Those of every worker; nothing of its own yet."""
