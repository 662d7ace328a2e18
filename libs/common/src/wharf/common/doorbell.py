"""Telling the broker that a job waits: a message of ids, worth nothing by itself."""

from __future__ import annotations

import time
from uuid import UUID

from celery import Celery
from celery.exceptions import CeleryError
from kombu import Connection
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from wharf.common.jobs.kinds import task_named
from wharf.common.logs import get_logger
from wharf.common.metrics import PUBLISH_FAILURES, PUBLISHED
from wharf.common.queues import Priority, Queue, broker_priority, broker_queue, is_amqp
from wharf.common.runtime.celery import BROKER_SECONDS, publishing_options
from wharf.common.tracing import HEADER

VERSION = 1
PAUSE_SECONDS = 1.0
"""After a failure the broker is left alone for so long: one that hangs must not hold up every caller."""


ERRORS = (KombuError, OperationalError, RedisError, OSError)


class Doorbell:
    """Publishes; fails fast and says so, and never raises for a broker that is away. The application is its own."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._broker_url = str(app.conf.broker_url)
        self._silent_until = 0.0
        app.conf.broker_transport_options = publishing_options(self._broker_url)
        # As declared for the workers: RabbitMQ refuses a queue of the same name with other arguments.
        self._queues = {queue.value: broker_queue(queue, self._broker_url) for queue in Queue}
        broker = app.connection_for_write()
        self._errors = (*ERRORS, CeleryError, *broker.connection_errors, *broker.channel_errors)

    def ring(
        self, job_id: UUID, attempt: int, kind: str, queue: str, priority: Priority, *, trace: str | None = None
    ) -> bool:
        """Publish a job's message; False where the broker did not take it: the dispatcher will.

        `trace` is the `traceparent` of who asked for the job.
        """
        if time.monotonic() < self._silent_until:
            return False
        message = {"job_id": str(job_id), "attempt": attempt, "version": VERSION}
        try:
            self._app.send_task(
                task_named(kind),
                kwargs=message,
                headers={HEADER: trace} if trace else None,
                queue=self._queues[queue],
                priority=broker_priority(priority, self._broker_url),
                # A connection that died with a restarted RabbitMQ is found out by using it.
                retry=is_amqp(self._broker_url),
                retry_policy={"max_retries": 1, "interval_start": 0},
                confirm_timeout=BROKER_SECONDS,
            )
        except self._errors as error:
            self._silent_until = time.monotonic() + PAUSE_SECONDS
            PUBLISH_FAILURES.inc()
            get_logger().warning("doorbell.unheard", job_id=str(job_id), queue=queue, error=type(error).__name__)
            return False
        PUBLISHED.labels(queue).inc()
        return True

    def waiting(self, queue: str) -> int | None:
        """Messages of all priorities that wait in a queue; None where the broker does not say."""
        try:
            with self._app.connection_for_read() as connection:
                return self._messages(connection, queue)
        except self._errors:
            return None

    def _messages(self, connection: Connection, queue: str) -> int | None:
        # On Redis the passive kind looks for a key without our prefix and finds none; the other one makes none there.
        passive = is_amqp(self._broker_url)
        try:
            return int(connection.default_channel.queue_declare(queue, passive=passive).message_count)
        except connection.channel_errors:
            # RabbitMQ has no queue that nobody has used.
            return 0
        except connection.connection_errors:
            return None
