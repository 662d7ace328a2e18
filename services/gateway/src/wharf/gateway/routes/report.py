"""`/api/v1/health`: how the installation is, for whoever owns it. Probes ask `/readyz`."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from wharf.gateway.authentication import Platform
from wharf.gateway.checks import Level
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/health", tags=["health"])


class PartView(BaseModel):
    """How one part is, beside figures of its own."""

    model_config = ConfigDict(extra="allow")

    status: Level
    detail: str


class HealthReport(BaseModel):
    """How all is: the worst of its parts."""

    status: Level
    at: datetime
    parts: dict[str, PartView]


@router.get("")
def read_health(resources: Wired, _caller: Platform) -> HealthReport:
    """Database, broker, storage, disk, queues, workers, schedules. 200 whatever is found, and within seconds."""
    return HealthReport.model_validate(resources.checkup.report().as_dict())
