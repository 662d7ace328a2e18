"""Beat: Celery's clock service, driving the dispatcher.

Schedules live in the ledger (they come with their issue), so this scheduler has no file and no entries of its own:
each of its ticks is a tick of the dispatcher.
"""

from __future__ import annotations

import time
from typing import Any

from celery import Celery
from celery.beat import Scheduler
from sqlalchemy.exc import DBAPIError

from wharf.common.doorbell import Doorbell
from wharf.common.feed import Feed
from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger
from wharf.common.runtime.health import Beacon, serve_health
from wharf.scheduler.dispatcher import Dispatcher
from wharf.scheduler.settings import SchedulerSettings

SWEEP_SECONDS = 10.0


class LedgerScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """A beat whose schedule is the ledger."""

    def __init__(self, app: Celery, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Celery's signature
        self._settings: SchedulerSettings = app.conf.wharf_settings
        self._dispatcher = _dispatcher(app, self._settings)
        self._beacon = Beacon(self._settings.heartbeat_file)
        self._swept = 0.0
        host, port = self._settings.metrics_host, self._settings.metrics_port
        serve_health(host, port, lambda: self._beacon.fresh, lambda: self._beacon.fresh)
        super().__init__(app, *args, **kwargs)

    def setup_schedule(self) -> None:
        """Nothing to load."""

    def tick(self, *_args: object, **_kwargs: object) -> float:
        """Do what is due; seconds until the next look. A ledger that is away is tried again."""
        self._beacon.touch()
        try:
            self._dispatcher.tick()
            if time.monotonic() - self._swept > SWEEP_SECONDS:
                self._swept = time.monotonic()
                self._dispatcher.reconcile()
                self._dispatcher.sweep()
        except DBAPIError as error:
            get_logger().warning("dispatcher.ledger_unavailable", error=type(error.orig).__name__)
        return self._settings.dispatch_seconds


def _dispatcher(app: Celery, settings: SchedulerSettings) -> Dispatcher:
    database = Database.connect(settings.database_url.get_secret_value(), pool=2, application="scheduler")
    feed = Feed(settings.redis_url.get_secret_value())
    return Dispatcher(database, Doorbell(app), feed, settings.publish_grace_seconds)
