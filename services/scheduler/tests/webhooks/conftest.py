"""Webhooks in the ledger, the sender in its role, and receivers that answer what a test tells them to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from wharf.common.clock import new_id
from wharf.scheduler.webhooks.receiver import Message, Outcome
from wharf.scheduler.webhooks.sender import Sender

ENDS = ["job.completed", "job.failed", "job.cancelled"]
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@dataclass
class Receivers:
    """Those of a test: they answer what they are told to."""

    outcome: Outcome = field(default_factory=lambda: Outcome(None, 200))
    heard: list[Message] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    async def send(self, message: Message) -> Outcome:
        self.heard.append(message)
        self.meanwhile()
        return self.outcome

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def receivers() -> Receivers:
    """All of them."""
    return Receivers()


@pytest.fixture
def sender(ledger, receivers) -> Sender:
    """In the role that the scheduler has."""
    return Sender(ledger.dispatch, receivers, seconds=5, patience_days=5)


@pytest.fixture
def hook(ledger, tenant) -> Callable[..., UUID]:
    """Write a webhook."""

    def write(of: UUID | None = None, **more: Any) -> UUID:
        own = {"id": new_id(), "tenant_id": of or tenant.id, "name": str(new_id()), "url": "https://example.org/in"}
        values = own | {"events": ENDS, "secret": SECRET} | more
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        ledger.ask(f"INSERT INTO wharf.webhooks ({names}) VALUES ({marks})", *values.values())
        return own["id"]

    return write


@pytest.fixture
def deliveries(ledger) -> Callable[[UUID], list[dict[str, Any]]]:
    """What is written for a webhook, first to last."""
    query = "SELECT * FROM wharf.webhook_deliveries WHERE webhook_id = %s ORDER BY id"
    return lambda webhook: ledger.ask(query, webhook)


@pytest.fixture
def due(ledger) -> Callable[[], None]:
    """Let the time of everything have come."""
    return lambda: ledger.ask("UPDATE wharf.webhook_deliveries SET next_at = now() WHERE next_at IS NOT NULL")
