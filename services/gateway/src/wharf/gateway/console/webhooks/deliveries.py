"""Deliveries as pages show them: the newest try first, the message as text; which webhooks they tell of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Connection, select, true

from wharf.common.clock import now
from wharf.common.ledger.models import Webhook, WebhookDelivery
from wharf.gateway.routes.webhooks import DeliveryView, TryView
from wharf.gateway.webhooks import OPEN

SOON: Final = timedelta(minutes=1)
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One of them, with its tries and its message."""

    view: DeliveryView

    @property
    def tries(self) -> list[TryView]:
        """Newest first."""
        return self.view.tries[::-1]

    @property
    def body(self) -> str:
        """The message, as its receiver gets it but for the white space."""
        return orjson.dumps(self.view.body, option=orjson.OPT_INDENT_2).decode()

    @property
    def is_due(self) -> bool:
        """Whether something is about to come of it, which a page that shows it should tell."""
        at = self.view.next_at
        return self.view.status in OPEN and at is not None and at < now() + SOON


def deliveries_of(rows: Iterable[Item]) -> list[Delivery]:
    """As the ledger has them."""
    return [Delivery(DeliveryView.model_validate(row)) for row in rows]


def newest_of(connection: Connection, webhook_ids: Iterable[UUID]) -> dict[UUID, Item]:
    """The newest delivery of each webhook that has one."""
    columns = (WebhookDelivery.status, WebhookDelivery.created_at, WebhookDelivery.type)
    newest = select(*columns).where(WebhookDelivery.webhook_id == Webhook.id).order_by(WebhookDelivery.id.desc())
    one = newest.limit(1).lateral()
    query = select(Webhook.id, *one.c).join(one, true()).where(Webhook.id.in_(list(webhook_ids)))
    return {row["id"]: dict(row) for row in connection.execute(query).mappings()}
