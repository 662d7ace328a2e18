"""`/api/v1/webhooks`."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from wharf.common.webhooks import EVENTS
from wharf.gateway import audit, webhooks
from wharf.gateway.authentication import Admin, Member, Operator
from wharf.gateway.cursors import Cursor, Limit
from wharf.gateway.form import Label, Slug
from wharf.gateway.resources import Resources, Wired
from wharf.gateway.webhooks import Owner

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])
LONGEST = 2000
KNOWN = frozenset(EVENTS)
State = Literal["waiting", "sending", "delivered", "failed"]


def _usable(url: AnyHttpUrl) -> AnyHttpUrl:
    """Refuse what no receiver needs; its address is shown in lists, so it is no place for a password."""
    if len(str(url)) > LONGEST:
        raise PydanticCustomError("url_too_long", "The address may have 2,000 characters.")
    if url.username is not None or url.password is not None:
        message = "No name and password in the address: messages are signed, so that the receiver knows who sends them."
        raise PydanticCustomError("credentials_in_url", message)
    if not url.port:
        raise PydanticCustomError("bad_port", "There is no port 0. Leave the port out for the scheme's own.")
    if url.fragment is not None:
        raise PydanticCustomError("fragment_in_url", "What stands behind # is never sent. Leave it out.")
    return url


def _known(event: str) -> str:
    if event not in KNOWN:
        known = ", ".join(EVENTS)
        raise PydanticCustomError("unknown_event", "There is no such event. Known: {known}.", {"known": known})
    return event


Url = Annotated[AnyHttpUrl, AfterValidator(_usable)]
Events = Annotated[list[Annotated[str, AfterValidator(_known)]], Field(min_length=1, max_length=len(EVENTS))]
Kinds = Annotated[list[str], Field(min_length=1, max_length=50)]


class WebhookChange(BaseModel):
    """What is to be otherwise; what is not said stays."""

    model_config = ConfigDict(extra="forbid")

    name: Label = ""
    url: Url = AnyHttpUrl("https://example.org")
    events: Events = []
    project_id: Slug | None = None
    """Null: all projects that the key sees."""
    kinds: Kinds | None = None
    """Of jobs; null: all."""
    enabled: bool = True


class WebhookRequest(WebhookChange):
    """A webhook that is wanted."""

    name: Label
    url: Url
    events: Events


class WebhookView(BaseModel):
    """A webhook, without its secret. `failing_since`: no delivery has succeeded since then."""

    id: UUID
    name: str
    url: str
    events: list[str]
    project_id: str | None
    kinds: list[str] | None
    enabled: bool
    disabled_reason: Literal["asked", "failing", "gone"] | None
    failing_since: datetime | None
    previous_until: datetime | None
    """Until then the secret before signs too."""
    created_at: datetime
    updated_at: datetime


class WebhookWithSecret(WebhookView):
    """The only time that a secret is seen."""

    secret: str


class WebhookPage(BaseModel):
    """Webhooks, oldest first."""

    items: list[WebhookView]
    next_cursor: str | None


class TryView(BaseModel):
    """One try: `code` and `message` say what went wrong, `status` is the HTTP status that was answered."""

    at: datetime
    code: str | None
    status: int | None
    message: str | None
    seconds: float


class DeliveryView(BaseModel):
    """One message; its id is the header `webhook-id`, the same in every try. `tries`: the newest twenty."""

    id: UUID
    type: str
    job_id: UUID | None
    status: State
    attempt: int
    next_at: datetime | None
    tries: list[TryView]
    body: dict[str, Any]
    created_at: datetime
    ended_at: datetime | None


class DeliveryPage(BaseModel):
    """Deliveries, newest first."""

    items: list[DeliveryView]
    next_cursor: str | None


@router.get("")
def list_webhooks(resources: Wired, caller: Operator, cursor: Cursor = None, limit: Limit = 50) -> WebhookPage:
    """The tenant's webhooks; those of its project for a key that is bound to one."""
    with resources.database.tenant(caller.tenant_id) as connection:
        rows, next_cursor = webhooks.list_webhooks(connection, _owner(resources, caller), cursor, limit)
    return WebhookPage.model_validate({"items": rows, "next_cursor": next_cursor})


@router.post("", status_code=HTTPStatus.CREATED)
def create(body: WebhookRequest, response: Response, resources: Wired, caller: Admin) -> WebhookWithSecret:
    """Be told from now on. The answer holds the secret, which is never shown again."""
    with resources.database.tenant(caller.tenant_id) as connection:
        row, secret = webhooks.create(connection, _owner(resources, caller), body.model_dump())
        audit.note(connection, caller, "webhook.create", row["id"], after=_said(row))
    return _secret(response, row, secret)


@router.get("/{webhook_id}")
def show(webhook_id: UUID, resources: Wired, caller: Operator) -> WebhookView:
    """One webhook."""
    with resources.database.tenant(caller.tenant_id) as connection:
        return WebhookView.model_validate(webhooks.find(connection, _owner(resources, caller), webhook_id))


@router.patch("/{webhook_id}")
def change(webhook_id: UUID, body: WebhookChange, resources: Wired, caller: Admin) -> WebhookView:
    """Change what is said. A webhook that was disabled because it failed is enabled here."""
    changes = body.model_dump(include=body.model_fields_set)
    owner = _owner(resources, caller)
    with resources.database.tenant(caller.tenant_id) as connection:
        before = webhooks.find(connection, owner, webhook_id, lock=True)
        after = webhooks.change(connection, owner, before, changes)
        sides = audit.changed(_said(before), _said(after))
        audit.note(connection, caller, "webhook.change", webhook_id, before=sides[0], after=sides[1])
    return WebhookView.model_validate(after)


@router.delete("/{webhook_id}", status_code=HTTPStatus.NO_CONTENT)
def remove(webhook_id: UUID, resources: Wired, caller: Admin) -> None:
    """Take a webhook away with its deliveries."""
    with resources.database.tenant(caller.tenant_id) as connection:
        before = webhooks.find(connection, _owner(resources, caller), webhook_id, lock=True)
        webhooks.remove(connection, before)
        audit.note(connection, caller, "webhook.remove", webhook_id, before=_said(before))


@router.post("/{webhook_id}/rotate")
def rotate(webhook_id: UUID, response: Response, resources: Wired, caller: Admin) -> WebhookWithSecret:
    """A new secret, shown once. For a day messages carry a signature by the one before, too."""
    with resources.database.tenant(caller.tenant_id) as connection:
        row, secret = webhooks.rotate(connection, _owner(resources, caller), webhook_id)
        audit.note(connection, caller, "webhook.rotate", webhook_id)
    return _secret(response, row, secret)


@router.post("/{webhook_id}/test", status_code=HTTPStatus.ACCEPTED)
def try_out(webhook_id: UUID, resources: Wired, caller: Operator) -> DeliveryView:
    """Send a message of the type `webhook.test`; its delivery tells what came of it."""
    with resources.database.tenant(caller.tenant_id) as connection:
        return DeliveryView.model_validate(webhooks.try_out(connection, _owner(resources, caller), webhook_id))


@router.get("/{webhook_id}/deliveries")
def list_deliveries(
    webhook_id: UUID,
    resources: Wired,
    caller: Operator,
    *,
    status: Annotated[State | None, Query(description="Only these.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DeliveryPage:
    """What was sent, what came of each try, and what waits."""
    owner = _owner(resources, caller)
    with resources.database.tenant(caller.tenant_id) as connection:
        rows, next_cursor = webhooks.list_deliveries(
            connection, owner, webhook_id, status=status, cursor=cursor, limit=limit
        )
    return DeliveryPage.model_validate({"items": rows, "next_cursor": next_cursor})


@router.post("/{webhook_id}/deliveries/{delivery_id}/replay", status_code=HTTPStatus.ACCEPTED)
def replay(webhook_id: UUID, delivery_id: UUID, resources: Wired, caller: Operator) -> DeliveryView:
    """Send the same message again, under the same id."""
    owner = _owner(resources, caller)
    with resources.database.tenant(caller.tenant_id) as connection:
        row = webhooks.replay(connection, owner, webhook_id, delivery_id)
        audit.note(connection, caller, "webhook.replay", webhook_id, after={"delivery_id": delivery_id})
    return DeliveryView.model_validate(row)


def _owner(resources: Resources, member: Member) -> Owner:
    return Owner(member, resources.settings.allowed_networks)


def _said(row: webhooks.Item) -> webhooks.Item:
    """What a person says of a webhook, as the audit tells it."""
    return {name: row[name] for name in ("name", "url", "events", "project_id", "kinds", "enabled")}


def _secret(response: Response, row: webhooks.Item, secret: str) -> WebhookWithSecret:
    response.headers["Cache-Control"] = "no-store"
    return WebhookWithSecret.model_validate(row | {"secret": secret})
