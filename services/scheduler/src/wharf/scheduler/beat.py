"""Beat: Celery's clock service, driving the schedules and the dispatcher.

Schedules live in the ledger, so this scheduler has no file and no entries of its own: each of its ticks is a tick of
the schedules and of the dispatcher.
"""

from __future__ import annotations

import time
from typing import Any

from celery import Celery
from celery.beat import Scheduler
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wharf.common.clock import now
from wharf.common.doorbell import Doorbell
from wharf.common.errors import Invalid
from wharf.common.feed import QueuedFeed
from wharf.common.jobs.announcing import Announcer
from wharf.common.jobs.kinds import Kind
from wharf.common.ledger.database import Database
from wharf.common.ledger.patience import is_away
from wharf.common.logs import get_logger
from wharf.common.metrics import TICKED
from wharf.common.runtime.health import Beacon, serve_health
from wharf.common.runtime.sentry import SENTRY
from wharf.common.runtime.zeros import of_a_scheduler
from wharf.common.schedules import BUILTIN, zone_named
from wharf.common.startup import check, give_up
from wharf.common.storage import Storage
from wharf.scheduler.dispatcher import Dispatcher
from wharf.scheduler.leadership import Leadership
from wharf.scheduler.observing import observed_database, observers_of
from wharf.scheduler.orphans import Orphans
from wharf.scheduler.reaper import Reaper
from wharf.scheduler.schedules import Schedules
from wharf.scheduler.settings import SchedulerSettings
from wharf.scheduler.webhooks.receiver import Receivers
from wharf.scheduler.webhooks.sender import Sender

LOOK_SECONDS = 5.0
"""How often ledger and broker are compared, and old things looked for."""
ORPHANS_SECONDS = 300.0
"""At least so often the storage is searched for uploads that no row knows."""
HURRY_SECONDS = 0.02
"""Until the next tick when there was more to do than one could."""


class LedgerScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """A beat whose schedule is the ledger."""

    def __init__(self, app: Celery, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Celery's signature
        self._settings: SchedulerSettings = app.conf.wharf_settings
        try:
            check(self._settings)
        except Invalid as error:
            give_up("wharf-scheduler", error)
        SENTRY.begin("scheduler", self._settings.sentry_dsn)
        url = self._settings.database_url.get_secret_value()
        database = Database.connect(url, pool=3, application="scheduler", answer_within=30)
        self._leadership = Leadership(database)
        self._dispatcher = _dispatcher(app, self._settings, database)
        self._schedules = _schedules(self._dispatcher)
        self._declared = self._closed = False
        self._beacon = Beacon(self._settings.heartbeat_file)
        self._orphans = Orphans(database, Storage.open(self._settings), self._settings.orphan_seconds)
        self._looked = self._searched = 0.0
        host, port = self._settings.metrics_host, self._settings.metrics_port
        self._sender = _sender(self._settings)
        self._sender.start()
        of_a_scheduler(Kind.registry.values(), [one.name for one in BUILTIN])
        observers = observers_of(app, self._settings, observed_database(self._settings))
        serve_health(host, port, lambda: self._beacon.fresh, lambda: self._beacon.fresh, [observers])
        super().__init__(app, *args, **kwargs)

    def setup_schedule(self) -> None:
        """Nothing to load."""

    def tick(self, *_args: object, **_kwargs: object) -> float:
        """Do what is due, then wait for the next thing; a ledger that is away is tried again."""
        if self._closed:
            # Celery's handler of SIGTERM closes and raises, and what is raised while a callback of the garbage
            # collection runs is lost.
            raise SystemExit
        self._beacon.touch()
        more = False
        try:
            if self._leadership.held():
                # First, so that what they begin has its place and its message in the same tick.
                more = self._begin()
                more = self._dispatcher.tick() or more
                self._look()
                TICKED.set_to_current_time()
        except (DBAPIError, PoolTimeout) as error:
            get_logger().warning("dispatcher.ledger_unavailable", error=type(getattr(error, "orig", error)).__name__)
            SENTRY.report(error)
            self._leadership.give_up("the ledger is away")
        except Exception as error:
            SENTRY.report(error)
            raise
        rest = self._dispatcher.rest.seconds(self._settings.dispatch_seconds)
        self._leadership.wait(HURRY_SECONDS if more else rest)
        return 0.0

    def close(self) -> None:
        """As beat ends."""
        self._closed = True
        self._sender.stop()
        SENTRY.end()
        super().close()

    def _begin(self) -> bool:
        """What schedules begin; whatever is wrong with them holds up no job that is there."""
        try:
            if not self._declared:
                self._schedules.declare(zone_named(self._settings.time_zone), now())
                self._declared = True
            return self._schedules.tick()
        except Exception as error:
            # A bug in them comes with every tick: it must not end all dispatching.
            if isinstance(error, DBAPIError | PoolTimeout) and is_away(error):
                raise
            get_logger().exception("schedules.failed")
            SENTRY.report(error)
            return False

    def _look(self) -> None:
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._dispatcher.age()
            self._dispatcher.reconcile()
            self._dispatcher.sweep()
        if time.monotonic() - self._searched > min(ORPHANS_SECONDS, self._settings.orphan_seconds):
            self._searched = time.monotonic()
            self._orphans.look()


def _dispatcher(app: Celery, settings: SchedulerSettings, database: Database) -> Dispatcher:
    feed = QueuedFeed(settings.redis_url.get_secret_value())
    return Dispatcher(
        database,
        Doorbell(app),
        feed,
        grace=settings.publish_grace_seconds,
        ageing=settings.ageing_seconds,
        reaper=Reaper(database, feed),
        keep_staging_days=settings.keep_staging_days,
    )


def _schedules(dispatcher: Dispatcher) -> Schedules:
    database, feed = dispatcher.database, dispatcher.feed
    return Schedules(database, Announcer(database, dispatcher.doorbell, feed), feed)


def _sender(settings: SchedulerSettings) -> Sender:
    # Connections of its own: it must not wait for the dispatcher's, nor the other way round.
    url = settings.database_url.get_secret_value()
    database = Database.connect(url, pool=2, application="scheduler-webhooks", answer_within=30)
    receivers = Receivers(seconds=settings.webhook_seconds, allowed=settings.allowed_networks)
    return Sender(database, receivers, settings.webhook_seconds, settings.webhook_patience_days)
