"""The Celery application of the scheduler: `celery -A wharf.scheduler.app beat`."""

from __future__ import annotations

from dataclasses import dataclass

from celery import Celery
from celery.signals import setup_logging

from wharf.common.doorbell import Doorbell
from wharf.common.feed import Feed
from wharf.common.ledger.database import Database
from wharf.common.logs import configure_logs
from wharf.common.runtime.celery import celery_app
from wharf.common.runtime.health import Beacon
from wharf.common.settings import load
from wharf.scheduler.dispatcher import Dispatcher
from wharf.scheduler.settings import SchedulerSettings

SERVICE = "scheduler"


@dataclass(frozen=True)
class Dispatch:
    """What beat's scheduler needs at each tick."""

    settings: SchedulerSettings
    dispatcher: Dispatcher
    beacon: Beacon


def build(settings: SchedulerSettings) -> Celery:
    """Beat's application, with the dispatcher that it drives."""
    app = celery_app(SERVICE, settings.broker_url.get_secret_value())
    database = Database.connect(settings.database_url.get_secret_value(), pool=2, application=SERVICE)
    feed = Feed(settings.redis_url.get_secret_value())
    dispatcher = Dispatcher(database, Doorbell(app), feed, settings.publish_grace_seconds)
    app.conf.wharf_dispatch = Dispatch(settings, dispatcher, Beacon(settings.heartbeat_file))
    app.conf.beat_scheduler = "wharf.scheduler.beat:LedgerScheduler"

    def logs(**_kwargs: object) -> None:
        configure_logs(SERVICE, settings.log_level)

    setup_logging.connect(logs, weak=False)
    return app


app = build(load(SchedulerSettings))
