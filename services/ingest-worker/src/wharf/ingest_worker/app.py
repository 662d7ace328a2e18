"""The Celery application: `celery -A wharf.ingest_worker.app worker`."""

from __future__ import annotations

from wharf.common.queues import Queue
from wharf.common.runtime.worker import Worker
from wharf.common.settings import load
from wharf.ingest_worker.settings import IngestSettings
from wharf.ingest_worker.tasks import implementations

settings = load(IngestSettings)
app = Worker("ingest-worker", settings, implementations(settings), (Queue.INGEST,)).build()
