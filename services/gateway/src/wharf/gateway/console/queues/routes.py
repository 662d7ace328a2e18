"""`/queues`: what waits, how long, how fast it goes; of the tenant, or for the platform of all."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from wharf.common.access import Caller
from wharf.common.clock import now
from wharf.common.queues import Priority
from wharf.gateway.authentication import Watcher
from wharf.gateway.console.overview.trend import TARGET_SECONDS
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.console.queues.sums import sums_of
from wharf.gateway.queues import list_loads, list_queues
from wharf.gateway.resources import Wired
from wharf.gateway.tenancy import limits_of

router = APIRouter(prefix="/queues", tags=["console"], route_class=PageRoute)
MOST_URGENT_FIRST = tuple(reversed(Priority))


@router.get("")
def show(request: Request, resources: Wired, caller: Watcher) -> Response:
    """All queues, and who has how much in which."""
    shown_at = now()
    with resources.database.anyone() as connection:
        queues, loads = list_queues(connection, caller), list_loads(connection, caller)
        limits = limits_of(connection, caller.tenant_id) if caller.tenant_id else None
    shown = {"queues": queues, "loads": loads, "limits": limits, "shown_at": shown_at, "target": TARGET_SECONDS}
    whose = {"own": own_side(caller), "priorities": MOST_URGENT_FIRST}
    return page(request, "queues/list.html", caller, shown | whose | sums_of(queues))


def own_side(caller: Caller) -> str:
    """Whose pauses the caller may take back, as the queues tell them."""
    return "tenant" if caller.tenant_id else "platform"
