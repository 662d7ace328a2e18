"""The Celery application of the maintenance worker: `celery -A wharf.scheduler.maintenance worker`."""

from __future__ import annotations

from wharf.common.queues import Queue
from wharf.common.runtime.worker import Worker
from wharf.common.settings import load
from wharf.scheduler.settings import MaintenanceSettings
from wharf.scheduler.tasks import IMPLEMENTATIONS

app = Worker("maintenance-worker", load(MaintenanceSettings), IMPLEMENTATIONS, (Queue.MAINTENANCE,)).build()
