"""`/webhooks`: the pages of webhooks. What they change, the API's own routes do; no page has a secret in it."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from wharf.gateway import webhooks
from wharf.gateway.authentication import Admin, Operator
from wharf.gateway.console.pages import PageRoute, address, page
from wharf.gateway.console.webhooks.deliveries import deliveries_of, newest_of
from wharf.gateway.console.webhooks.form import FRESH, choices_of
from wharf.gateway.cursors import LONGEST
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired
from wharf.gateway.routes.webhooks import State
from wharf.gateway.webhooks import MOST, Owner

router = APIRouter(prefix="/webhooks", tags=["console"], route_class=PageRoute)
PAGE: Final = 30
TABS: Final = ((None, "All"), ("waiting", "Waiting"), ("delivered", "Delivered"), ("failed", "Failed"))


class DeliveryQuery(BaseModel):
    """What of a webhook's deliveries is shown."""

    status: Optional[State] = None
    cursor: Optional[str] = Field(None, max_length=LONGEST)


@router.get("")
def list_webhooks(request: Request, resources: Wired, member: Operator) -> Response:
    """All of them: there are few."""
    owner = Owner(member, resources.settings.allowed_networks)
    with resources.database.tenant(member.tenant_id) as connection:
        rows, _ = webhooks.list_webhooks(connection, owner, None, MOST)
        newest = newest_of(connection, (row["id"] for row in rows))
    return page(request, "webhooks/list.html", member, {"webhooks": rows, "newest": newest, "most": MOST})


@router.get("/new")
def write(request: Request, resources: Wired, member: Admin) -> Response:
    """The form of a new one."""
    said = FRESH | {"project_id": member.project_id}
    with resources.database.tenant(member.tenant_id) as connection:
        choices = choices_of(connection, member, said)
    return page(request, "webhooks/form.html", member, {"webhook": None, "said": said, "choices": choices})


@router.get("/{webhook_id}")
def show(
    webhook_id: UUID, request: Request, resources: Wired, member: Operator, query: Annotated[DeliveryQuery, Query()]
) -> Response:
    """One of them, with what was sent."""
    owner = Owner(member, resources.settings.allowed_networks)
    with resources.database.tenant(member.tenant_id) as connection:
        webhook = webhooks.find(connection, owner, webhook_id)
        rows, next_cursor = webhooks.list_deliveries(
            connection, owner, webhook_id, status=query.status, cursor=query.cursor, limit=PAGE
        )
    shown: dict[str, Any] = {"webhook": webhook, "deliveries": deliveries_of(rows), "next_cursor": next_cursor}
    return page(request, "webhooks/webhook.html", member, shown | {"query": query, "tabs_shown": _tabs(query, webhook)})


@router.get("/{webhook_id}/edit")
def edit(webhook_id: UUID, request: Request, resources: Wired, member: Admin) -> Response:
    """The form with what it says now."""
    owner = Owner(member, resources.settings.allowed_networks)
    with resources.database.tenant(member.tenant_id) as connection:
        webhook = webhooks.find(connection, owner, webhook_id)
        choices = choices_of(connection, member, webhook)
    return page(request, "webhooks/form.html", member, {"webhook": webhook, "said": webhook, "choices": choices})


def _tabs(query: DeliveryQuery, webhook: webhooks.Item) -> list[tuple[str, str, None, bool]]:
    place = f"/webhooks/{webhook['id']}"
    return [(address(place, status=status), words, None, status == query.status) for status, words in TABS]
