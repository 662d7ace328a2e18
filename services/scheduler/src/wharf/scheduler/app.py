"""The Celery application: `celery -A wharf.scheduler.app beat`, and `… worker` for the queue `maintenance`."""

from __future__ import annotations

from wharf.common.queues import Queue
from wharf.common.runtime.worker import Worker
from wharf.common.settings import load
from wharf.scheduler.settings import SchedulerSettings
from wharf.scheduler.tasks import implementations

settings = load(SchedulerSettings)
app = Worker("scheduler", settings, implementations(settings), (Queue.MAINTENANCE,)).build()
app.conf.wharf_settings = settings
app.conf.beat_scheduler = "wharf.scheduler.beat:LedgerScheduler"
