"""`/`: the first page."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from wharf.gateway.authentication import Watcher
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.queues import list_queues
from wharf.gateway.resources import Wired

router = APIRouter(tags=["console"], route_class=PageRoute)


@router.get("/")
def overview(request: Request, resources: Wired, caller: Watcher) -> Response:
    """How the whole goes."""
    with resources.database.anyone() as connection:
        queues = list_queues(connection, caller)
    return page(request, "overview/overview.html", caller, {"queues": queues})
