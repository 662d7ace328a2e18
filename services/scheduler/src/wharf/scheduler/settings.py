"""The settings of the scheduler and of its maintenance worker."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wharf.common.settings import (
    BrokerSettings,
    DatabaseSettings,
    HealthSettings,
    LogSettings,
    RedisSettings,
    WorkerSettings,
)


class SchedulerSettings(DatabaseSettings, RedisSettings, BrokerSettings, LogSettings, HealthSettings):
    """What beat and the dispatcher need: the ledger as the role `wharf_dispatch`, and the broker."""

    dispatch_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    """How often the dispatcher looks."""
    publish_grace_seconds: Annotated[float, Field(ge=0, le=60)] = 2.0
    """How long a new job is left to the one who submitted it before the dispatcher publishes it."""


class MaintenanceSettings(WorkerSettings):
    """Those of every worker."""
