"""Telling the broker that a job waits: a message of ids, worth nothing by itself."""

from __future__ import annotations

from uuid import UUID

from celery import Celery
from celery.exceptions import CeleryError
from kombu import Connection
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from wharf.common.jobs.kinds import kind_named
from wharf.common.logs import get_logger
from wharf.common.metrics import PUBLISH_FAILURES
from wharf.common.queues import Priority, broker_priority

VERSION = 1


class Doorbell:
    """Publishes; fails fast and says so, and never raises for a broker that is away."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._broker_url = str(app.conf.broker_url)

    def ring(self, job_id: UUID, attempt: int, kind: str, queue: str, priority: Priority) -> bool:
        """Publish a job's message; False where the broker did not take it: the dispatcher will."""
        message = {"job_id": str(job_id), "attempt": attempt, "version": VERSION}
        try:
            self._app.send_task(
                kind_named(kind).task_name,
                kwargs=message,
                queue=queue,
                priority=broker_priority(priority, self._broker_url),
                retry=False,
            )
        except (KombuError, OperationalError, RedisError, CeleryError, OSError) as error:
            PUBLISH_FAILURES.inc()
            get_logger().warning("doorbell.unheard", job_id=str(job_id), queue=queue, error=type(error).__name__)
            return False
        return True

    def waiting(self, queue: str) -> int | None:
        """Messages of all priorities that wait in a queue; None where the broker does not say."""
        try:
            with self._app.connection_for_read() as connection:
                return _messages(connection, queue)
        except (KombuError, OperationalError, RedisError, OSError):
            return None


def _messages(connection: Connection, queue: str) -> int:
    try:
        return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
    except connection.channel_errors:
        # Redis has no empty queues: one that is not there holds nothing.
        return 0
