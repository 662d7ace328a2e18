"""The sender: takes what is due from the ledger, sends it, and writes what came of it.

In a thread with a loop of its own, so that no receiver holds up the dispatcher. Any number of processes send at once: a
delivery is locked while it is taken and had for a time, and no transaction is open while a receiver is spoken to. One
whose sender has died is sent again, with the same id.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from wharf.common.clock import now
from wharf.common.ledger.database import Database, dumps
from wharf.common.logs import get_logger
from wharf.common.metrics import WEBHOOK_DELIVERIES, WEBHOOK_SECONDS
from wharf.common.runtime.sentry import SENTRY
from wharf.scheduler.webhooks.receiver import GONE, Message, Outcome, Receivers

T = TypeVar("T")
Tasks = set[asyncio.Task[None]]

MOST = 32
"""Messages under way in one process."""
LOOK_SECONDS = 1.0
REST_SECONDS = 5.0
"""After a mistake, or while the ledger is away."""
SPARE_SECONDS = 60.0
"""How much longer than a try may take its delivery is had: to write down what came of it."""
DELAYS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before the second and each further try, as Standard Webhooks suggests: ten tries in three days."""
JITTER = 0.1
GIVE_UP_SECONDS = 60.0
"""How often it is looked for what waits for webhooks to which nothing is sent any more."""
GIVE_UP_AT_ONCE = 1000

TAKE = text("SELECT * FROM wharf.take_deliveries(:most, :seconds)")
END = text("""
    SELECT wharf.end_delivery(:id, :attempt, :delivered, cast(:try AS jsonb), :delay, :gone, :patience_days)""")
GIVE_UP = text("SELECT wharf.give_up_disabled(:most)")


@dataclass
class Sender:
    """One of any number. `seconds` is how long a try may take, `patience_days` how long a webhook may fail."""

    database: Database
    receivers: Receivers
    seconds: float
    patience_days: float
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    # Apart from those that resolve names: a resolver that hangs must not keep the ledger's waiting.
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "webhooks-ledger"), init=False)
    _gave_up: float = field(default_factory=time.monotonic, init=False)

    def start(self) -> None:
        """Begin, in a thread of its own; it ends with the process."""
        threading.Thread(target=lambda: asyncio.run(self._run()), name="webhooks", daemon=True).start()

    def stop(self) -> None:
        """Take no more. What is under way and not done when the process ends is sent again by another."""
        self._stopping.set()

    async def send_due(self) -> int:
        """Send what is due now, once, and wait for all of it; how many messages that were."""
        tasks = await self._begin(MOST)
        await asyncio.gather(*tasks)
        return len(tasks)

    async def _run(self) -> None:
        # A name whose servers are dead holds a thread for longer than its try. The loop's own would be as many as
        # processors and a few: one tenant's dead names would keep all other messages waiting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * MOST, "webhooks-names"))
        under_way: Tasks = set()
        while not self._stopping.is_set():
            begun, seconds = await self._try_to_begin(MOST - len(under_way))
            under_way |= begun
            if under_way:
                _, under_way = await asyncio.wait(under_way, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(seconds)
        await self.receivers.close()

    async def _try_to_begin(self, most: int) -> tuple[Tasks, float]:
        """What was begun, and how long to wait; whatever goes wrong, the sender goes on."""
        begun: Tasks = set()
        try:
            begun = await self._begin(most)
            await self._in_ledger(self._give_up)
        except DBAPIError as error:
            get_logger().warning("webhooks.ledger_unavailable", error=type(error.orig).__name__)
        except Exception as error:  # noqa: BLE001 - what nobody thought of ends no sender; the log has it
            get_logger().exception("webhooks.failed")
            SENTRY.report(error)
        else:
            return begun, LOOK_SECONDS
        return begun, REST_SECONDS

    async def _begin(self, most: int) -> Tasks:
        if not most:
            return set()
        messages = await self._in_ledger(lambda: self._take(most))
        return {asyncio.create_task(self._deliver(message)) for message in messages}

    async def _deliver(self, message: Message) -> None:
        at, began = now(), time.monotonic()
        outcome = await self._send(message)
        seconds = time.monotonic() - began
        WEBHOOK_SECONDS.observe(seconds)
        said = {"at": at, "code": outcome.code, "status": outcome.status, "message": outcome.message}
        try:
            became = await self._in_ledger(lambda: self._end(message, outcome, said | {"seconds": round(seconds, 3)}))
        except DBAPIError as error:
            # Sent again when its time is over, with the same id.
            get_logger().warning("webhook.outcome_not_kept", error=type(error.orig).__name__)
            became = None
        WEBHOOK_DELIVERIES.labels({"waiting": "retried", None: "lost"}.get(became, became)).inc()

    async def _send(self, message: Message) -> Outcome:
        try:
            return await self.receivers.send(message)
        except Exception as error:  # noqa: BLE001 - what nobody thought of is a failed try like others; the log has it
            get_logger().exception("webhook.not_sent", delivery=str(message.id))
            SENTRY.report(error)
            return Outcome("failed")

    async def _in_ledger(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _take(self, most: int) -> list[Message]:
        with self.database.anyone() as connection:
            rows = connection.execute(TAKE, {"most": most, "seconds": self.seconds + SPARE_SECONDS}).mappings().all()
        return [Message(**row) for row in rows]

    def _end(self, message: Message, outcome: Outcome, said: dict[str, Any]) -> str | None:
        values = {
            "id": message.id,
            "attempt": message.attempt,
            "delivered": outcome.code is None,
            "try": dumps(said),
            "delay": _delay(message.failures, outcome.wait),
            "gone": outcome.status == GONE,
            "patience_days": self.patience_days,
        }
        with self.database.anyone() as connection:
            became: str | None = connection.execute(END, values).scalar_one()
        return became

    def _give_up(self) -> None:
        """After what is due was taken: what nobody waits for must not hold it up."""
        began = time.monotonic()
        if began - self._gave_up < GIVE_UP_SECONDS:
            return
        # Whatever comes of it: one that fails is not tried again at each look.
        self._gave_up = began
        with self.database.anyone() as connection:
            given_up: int = connection.execute(GIVE_UP, {"most": GIVE_UP_AT_ONCE}).scalar_one()
        if given_up >= GIVE_UP_AT_ONCE:
            self._gave_up = float("-inf")


def _delay(failures: int, wanted: float) -> float | None:
    """Seconds until the next try after so many failed ones before this; never sooner than the receiver asked for."""
    if failures >= len(DELAYS):
        return None
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - so that not all come at once; nothing secret
    return max(DELAYS[failures] * spread, wanted)
