"""`/api/v1/datasets/{profile}/benchmarks`, and `/api/v1/benchmarks/sharing`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from wharf.common.errors import Forbidden
from wharf.gateway import benchmarks
from wharf.gateway.authentication import Admin, Member, Viewer
from wharf.gateway.resources import Wired
from wharf.gateway.routes.datasets import PageQuery, Period

router = APIRouter(prefix="/api/v1", tags=["benchmarks"])

ProfileName = Annotated[str, Path(max_length=63)]
Level = Literal["category", "product"]
Metric = Literal["amount", "quantity", "unit_price", "growth"]


class BenchmarkQuery(PageQuery):
    """Which benchmarks are wanted."""

    level: Level | None = None
    name: str | None = Field(None, max_length=1000)
    metric: Metric | None = None


class Quartiles(BaseModel):
    """Quartiles over so many projects."""

    count: int
    q1: float
    median: float
    q3: float


class TenantQuartiles(Quartiles):
    """Quartiles over so many tenants that share, in two digits; `value` is the tenant's own as a whole."""

    value: float
    as_of: datetime


class BenchmarkView(BaseModel):
    """What a project has, beside the tenant's projects and beside the tenants that share."""

    project_id: str
    level: Level
    name: str
    metric: Metric
    value: float
    projects: Quartiles | None
    tenants: TenantQuartiles | None


class BenchmarkPage(BaseModel):
    """Benchmarks as of a moment, over a time and so many projects; null while they have not been calculated."""

    as_of: datetime | None
    period: Period | None
    projects: int
    items: list[BenchmarkView]
    next_cursor: str | None


class Sharing(BaseModel):
    """Whether the tenant takes part in the comparison with other tenants."""

    model_config = ConfigDict(extra="forbid")

    shared: StrictBool


@router.get("/datasets/{profile}/benchmarks")
def read_benchmarks(
    resources: Wired, member: Viewer, profile: ProfileName, wanted: Annotated[BenchmarkQuery, Query()]
) -> BenchmarkPage:
    """The projects' own values beside the quartiles of their peers, as of the last calculation (each week)."""
    said = wanted.model_dump() | {"project_id": member.project(wanted.project_id)}
    with resources.database.tenant(member.tenant_id) as connection:
        run = benchmarks.last_run(connection, profile)
        items, next_cursor = benchmarks.list_benchmarks(connection, profile, benchmarks.Wanted(**said))
    period = {"from": run["period_from"], "to": run["period_to"]} if run else None
    about = {"as_of": run and run["as_of"], "period": period, "projects": run["projects"] if run else 0}
    return BenchmarkPage.model_validate(about | {"items": items, "next_cursor": next_cursor})


@router.get("/benchmarks/sharing")
def read_sharing(resources: Wired, member: Viewer) -> Sharing:
    """Whether the tenant takes part in the comparison with other tenants; it does not unless it said so."""
    with resources.database.tenant(member.tenant_id) as connection:
        return Sharing(shared=benchmarks.is_sharing(connection))


@router.put("/benchmarks/sharing")
def change_sharing(body: Sharing, resources: Wired, member: Admin) -> Sharing:
    """Take part from the next calculation on, or no more: then what was given is deleted at once."""
    _is_for_the_whole(member)
    with resources.database.tenant(member.tenant_id) as connection:
        return Sharing(shared=benchmarks.share(connection, wanted=body.shared))


def _is_for_the_whole(member: Member) -> None:
    if member.project_id is not None:
        message = f"Sharing is the whole tenant's; this key is for the project {member.project_id} only."
        raise Forbidden(message, code="wrong_project")
