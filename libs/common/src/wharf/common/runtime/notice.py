"""A child gives notice before it ends a job: the next message is fetched while the ledger still writes the end.

Otherwise a worker takes a message only when a child is idle, so that no job waits behind a long one while another
worker has nothing to do. An end is no long job: asking the broker only after it costs short jobs a tenth of their rate.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from typing import Any

from celery import bootsteps
from celery.worker import state
from celery.worker.consumer.tasks import Tasks
from kombu.transport.virtual import QoS

NOTICE = struct.Struct("qq")
READ_BYTES = NOTICE.size * 256


class Notices:
    """A pipe from the children of one main process to it. Nobody waits for it: a notice may be lost."""

    def __init__(self) -> None:
        self._pipe: tuple[int, int] | None = None
        self._begun = 0

    def open(self) -> None:
        """In the main process, before its pool forks."""
        if self._pipe is None:
            self._pipe = os.pipe()
            for end in self._pipe:
                os.set_blocking(end, False)

    def fileno(self) -> int:
        """What to watch for notices; `open` was called."""
        if self._pipe is None:
            message = "the pipe is opened before the pool forks"
            raise RuntimeError(message)
        return self._pipe[0]

    def begin(self) -> None:
        """In a child: it has been given another job."""
        self._begun += 1

    def give(self) -> None:
        """In a child: the job it was given last is about to end. In any other process nothing."""
        if self._pipe is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._pipe[1], NOTICE.pack(os.getpid(), self._begun))

    def read(self) -> Iterator[tuple[int, int]]:
        """In the main process: which child, by its pid, and which of its jobs, from 1."""
        with contextlib.suppress(BlockingIOError):
            yield from NOTICE.iter_unpack(os.read(self.fileno(), READ_BYTES))


NOTICES = Notices()


class Room(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Decides whether a message is fetched, where the broker is Redis. RabbitMQ gives what it may by itself."""

    requires = (Tasks,)

    def start(self, parent: Any) -> None:  # noqa: ANN401 - Celery's consumer
        """At each connection: the channel and its limit are new ones."""
        if parent.connection.transport.driver_type != "redis":
            return
        limit: QoS = parent.task_consumer.channel.qos

        def has_room() -> bool:
            # Another pool, as by `-P solo`, has no children that give notice.
            room = getattr(parent.pool, "room", parent.pool.num_processes)
            return bool(len(state.reserved_requests) < room and QoS.can_consume(limit))

        limit.can_consume = has_room
