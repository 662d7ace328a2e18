"""The Celery application: `celery -A wharf.package_worker.app worker`."""

from __future__ import annotations

from wharf.common.queues import Queue
from wharf.common.runtime.worker import Worker
from wharf.common.settings import load
from wharf.package_worker.settings import PackageSettings
from wharf.package_worker.tasks import IMPLEMENTATIONS

app = Worker("package-worker", load(PackageSettings), IMPLEMENTATIONS, (Queue.PACKAGE,)).build()
