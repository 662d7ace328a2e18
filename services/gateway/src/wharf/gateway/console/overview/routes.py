"""`/`: what needs somebody, and how the whole goes; `/trend`: how it went, which the page asks for when it is shown."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import Connection, text

from wharf.common.access import Caller
from wharf.common.clock import now
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway.authentication import Watcher, member
from wharf.gateway.console import charts
from wharf.gateway.console.overview.attention import Concern, concerns_in, concerns_of
from wharf.gateway.console.overview.trend import TARGET_SECONDS, Range, Trend, trend_of
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.console.queues.sums import sums_of
from wharf.gateway.queues import list_queues
from wharf.gateway.resources import Resources, Wired

router = APIRouter(tags=["console"], route_class=PageRoute)
# In the words of the index of what is under way: all other jobs are those that have ended.
SPEED: Final = text("""
    SELECT coalesce(sum(CAST(progress ->> 'rate' AS double precision)), 0) FROM wharf.jobs
    WHERE admitted AND status IN ('queued', 'running', 'cancelling') AND status = 'running'
      AND progress ->> 'unit' = 'rows'
      AND (CAST(:project_id AS text) IS NULL OR project_id = :project_id)""")


class TrendQuery(BaseModel):
    """How far back."""

    range: Range = Range.DAY


@router.get("/")
def overview(request: Request, resources: Wired, caller: Watcher) -> Response:
    """What needs somebody, then how the whole goes."""
    with resources.database.anyone() as connection:
        queues = list_queues(connection, caller)
    with resources.database.tenant(caller.tenant_id or INSTALLATION) as connection:
        concerns = _concerns(connection, resources, caller, queues)
        speed = connection.execute(SPEED, {"project_id": caller.project_id}).scalar_one()
    shown = {"queues": queues, "concerns": concerns, "speed": speed, "now_at": now(), "target": TARGET_SECONDS}
    return page(request, "overview/overview.html", caller, shown | sums_of(queues))


@router.get("/trend")
def trend(request: Request, resources: Wired, caller: Watcher, query: Annotated[TrendQuery, Query()]) -> Response:
    """How it went."""
    with resources.database.tenant(caller.tenant_id or INSTALLATION) as connection:
        found = trend_of(connection, caller.project_id, query.range)
    return page(request, "overview/trend.html", caller, {"trend": found, "ranges": list(Range), **_drawn(found)})


def _concerns(
    connection: Connection, resources: Resources, caller: Caller, queues: list[dict[str, Any]]
) -> list[Concern]:
    if caller.tenant_id is None:
        return concerns_in(resources.checkup.report())
    return concerns_of(connection, member(caller), queues)


def _drawn(found: Trend) -> dict[str, charts.Chart]:
    form = "%H:%M" if found.range is not Range.WEEK else "%d %b"
    words = [f"{stretch.at:{form}}" for stretch in found.stretches]
    stacks = [[("completed", stretch.completed), ("failed", stretch.failed)] for stretch in found.stretches]
    ended = charts.stacked("Jobs that ended", words, stacks)
    waits = [stretch.wait for stretch in found.stretches]
    return {"ended": ended, "waits": charts.line("Seconds that 95 % waited at most", words, waits, TARGET_SECONDS)}
