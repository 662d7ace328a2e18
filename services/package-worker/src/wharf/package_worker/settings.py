"""The settings of the package worker."""

from __future__ import annotations

from wharf.common.settings import WorkerSettings


class PackageSettings(WorkerSettings):
    """Those of every worker; nothing of its own yet."""
