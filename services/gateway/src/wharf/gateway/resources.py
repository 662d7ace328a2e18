"""What one gateway process holds open: ledger, storage, doorbell, feed, keys, events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Depends, Request

from wharf.common.doorbell import Doorbell
from wharf.common.feed import Feed
from wharf.common.ledger.database import Database
from wharf.common.runtime.celery import celery_app
from wharf.common.storage import Storage
from wharf.gateway.events import Events
from wharf.gateway.keys import Keys
from wharf.gateway.settings import GatewaySettings


@dataclass(frozen=True)
class Resources:
    """Opened once, closed at the end; nothing of it connects before it is used."""

    settings: GatewaySettings
    database: Database
    storage: Storage
    doorbell: Doorbell
    feed: Feed
    keys: Keys
    events: Events

    @classmethod
    def open(cls, settings: GatewaySettings) -> Self:
        """From the settings."""
        redis_url = settings.redis_url.get_secret_value()
        url = settings.database_url.get_secret_value()
        database = Database.connect(url, pool=settings.database_pool, application="wharf-gateway")
        return cls(
            settings=settings,
            database=database,
            storage=Storage.open(settings.storage_url),
            doorbell=Doorbell(celery_app("wharf.gateway", settings.broker_url.get_secret_value())),
            feed=Feed(redis_url),
            keys=Keys(database),
            events=Events(redis_url, limit=settings.events_max_streams),
        )

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()


async def _resources(request: Request) -> Resources:
    found = request.app.state.resources
    if not isinstance(found, Resources):
        raise TypeError
    return found


Wired = Annotated[Resources, Depends(_resources)]
"""The process' resources, as a parameter of a route."""
