"""What was read from the ledger for one, and will do for all who ask the same within a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool

KEPT_SECONDS = 1.0
"""How long what was read is there for others."""
FURTHER = timedelta(seconds=30)
"""How much further back than asked for: so it will do for those who looked a little earlier, too."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Reading:
    begun: float
    since: datetime | None
    answer: asyncio.Task[Any]

    def serves(self, since: datetime | None, not_before: float) -> bool:
        reaches = self.since is None if since is None else self.since is not None and self.since <= since
        return reaches and self.begun >= not_before


class Readings:
    """A thousand streams that look again every ten seconds are not a hundred queries a second."""

    def __init__(self) -> None:
        self._readings: dict[Hashable, _Reading] = {}

    async def look(
        self, subject: Hashable, since: datetime | None, not_before: float, read: Callable[[datetime | None], T]
    ) -> T:
        """What `read`, in a thread, says of the subject `since` then, at `not_before` (monotonic) or later.

        It may be what another one was answered. Raises what `read` raised.
        """
        reading = self._readings.get(subject)
        if reading is None or not reading.serves(since, not_before):
            reading = self._begin(subject, since and since - FURTHER, read)
        # Shielded: a client that goes away must not take the answer from the others that wait for it.
        answer: T = await asyncio.shield(reading.answer)
        return answer

    def _begin(self, subject: Hashable, since: datetime | None, read: Callable[[datetime | None], Any]) -> _Reading:
        begun, task = time.monotonic(), asyncio.create_task(run_in_threadpool(read, since))
        task.add_done_callback(lambda done: self._drop_later(subject, done))
        reading = self._readings[subject] = _Reading(begun, since, task)
        return reading

    def _drop_later(self, subject: Hashable, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()  # asked for: all who waited for it may have gone
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._drop, subject, task)

    def _drop(self, subject: Hashable, task: asyncio.Task[Any]) -> None:
        reading = self._readings.get(subject)
        if reading is not None and reading.answer is task:
            del self._readings[subject]
