"""What one gateway process holds open: ledger, storage, announcer, feed, keys, events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from fastapi import Depends
from prometheus_client.registry import Collector
from starlette.requests import HTTPConnection

from wharf.common.access import prefix_of
from wharf.common.backups import Backups
from wharf.common.doorbell import Doorbell
from wharf.common.errors import Invalid
from wharf.common.feed import Feed, QueuedFeed
from wharf.common.jobs.announcing import Announcer
from wharf.common.ledger.database import Database
from wharf.common.runtime.celery import celery_app
from wharf.common.storage import Storage
from wharf.gateway.checks import PATIENCE_SECONDS, Checkup, server_checks, work_checks
from wharf.gateway.events import Events
from wharf.gateway.keys import Keys
from wharf.gateway.observing import PoolObserver
from wharf.gateway.readings import Readings
from wharf.gateway.sessions import Sessions
from wharf.gateway.settings import GatewaySettings


@dataclass(frozen=True)
class Resources:
    """Opened once, closed at the end; nothing of it connects before it is used."""

    settings: GatewaySettings
    database: Database
    storage: Storage
    backups: Backups
    feed: Feed
    announcer: Announcer
    keys: Keys
    sessions: Sessions
    events: Events
    readings: Readings
    checkup: Checkup
    observers: tuple[Collector, ...] = ()
    legacy_key: str | None = None
    """Under which the five systems' clients stand that bring no key."""

    @classmethod
    def open(cls, settings: GatewaySettings) -> Self:
        """From the settings."""
        redis_url = settings.redis_url.get_secret_value()
        url = settings.database_url.get_secret_value()
        database = Database.connect(url, pool=settings.database_pool, application="wharf-gateway", answer_within=30)
        feed = Feed(redis_url)
        doorbell = Doorbell(celery_app("wharf.gateway", settings.broker_url.get_secret_value()))
        storage = Storage.open(settings)
        sessions = Sessions(database, settings.session_idle_minutes * 60, settings.session_hours * 3600)
        return cls(
            settings=settings,
            database=database,
            storage=storage,
            backups=Backups.open(settings),
            feed=feed,
            announcer=Announcer(database, doorbell, QueuedFeed(redis_url)),
            keys=Keys(sessions),
            sessions=sessions,
            events=Events(redis_url, limit=settings.events_max_streams),
            readings=Readings(),
            checkup=_checkup(settings, storage),
            observers=(PoolObserver(database),),
            legacy_key=_legacy_key(settings.legacy_key_file),
        )

    def close(self) -> None:
        """Announce what is left, give the connections back."""
        self.announcer.close()
        self.database.close()


def _checkup(settings: GatewaySettings, storage: Storage) -> Checkup:
    """With a connection of its own, while it looks: one that requests wait for would make a busy gateway look ill."""
    url = settings.database_url.get_secret_value()
    own = Database.connect(url, pool=1, application="wharf-gateway-health", answer_within=PATIENCE_SECONDS)
    return Checkup(server_checks(own, storage, settings) | work_checks(own), close=own.close)


def _legacy_key(file: Path | None) -> str | None:
    # A variable that is set to nothing, as Compose files do, is an empty path.
    if file is None or file == Path():
        return None
    try:
        key = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if prefix_of(key) is None:
        message = "WHARF_LEGACY_KEY_FILE names a file that cannot be read or holds no API key. Put one key into it."
        raise Invalid(message, code="bad_settings")
    return key


async def _resources(connection: HTTPConnection) -> Resources:
    found = connection.app.state.resources
    if not isinstance(found, Resources):
        raise TypeError
    return found


Wired = Annotated[Resources, Depends(_resources)]
"""The process' resources, as a parameter of a route."""
