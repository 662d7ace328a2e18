"""Messages that nobody should send, put past Wharf's own code straight into the broker's lists."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import redis

from tests.chaos.stack import Chaos
from wharf.common.clock import new_id
from wharf.common.runtime.celery import celery_app

QUEUE = "ingest"
TASK = "wharf.import"
COPIES = 5
RAW = (b"{not json", b"null", b"\xff\x00\x80")


def lists(broker: redis.Redis) -> list[bytes]:
    """The lists of the queue, one for each priority that somebody waits with."""
    return [key for key in broker.scan_iter(f"wharf:{QUEUE}*") if broker.type(key) == b"list"]


def rewrite(chaos: Chaos, change: Callable[[list[bytes]], list[bytes]]) -> int:
    """Put other messages in the place of those that wait now, in one step; gives how many waited."""
    waited = 0
    with chaos.broker() as broker:
        for key in lists(broker):
            messages = broker.lrange(key, 0, -1)
            with broker.pipeline(transaction=True) as step:
                step.delete(key)
                step.rpush(key, *change(messages))
                step.execute()
            waited += len(messages)
    return waited


def repeat(chaos: Chaos) -> int:
    """Every message that waits, five times."""
    return rewrite(chaos, lambda messages: messages * COPIES)


def reverse(chaos: Chaos) -> int:
    """The last one first."""
    return rewrite(chaos, lambda messages: messages[::-1])


def lose(chaos: Chaos) -> int:
    """Every second message is gone."""
    return rewrite(chaos, lambda messages: messages[::2])


def litter(chaos: Chaos) -> None:
    """What no version of Wharf ever wrote: bytes that are no message."""
    with chaos.broker() as broker:
        broker.lpush(f"wharf:{QUEUE}", *RAW)


def mislead(chaos: Chaos, known_job: str | None = None) -> None:
    """Well-formed messages with wrong contents: unknown tasks and jobs, attempts that are not, no arguments."""
    job = known_job or str(new_id())
    wrong: list[tuple[str, dict[str, object]]] = [
        ("wharf.unheard_of", {"job_id": job, "attempt": 1}),
        (TASK, {"job_id": str(new_id()), "attempt": 1, "version": 1}),
        (TASK, {"job_id": str(uuid4()), "attempt": 1}),
        (TASK, {"job_id": "not an id", "attempt": 1}),
        (TASK, {"job_id": job, "attempt": 7}),
        (TASK, {"job_id": job, "attempt": 0}),
        (TASK, {"job_id": job, "attempt": -1}),
        (TASK, {"job_id": job, "attempt": 2**70}),
        (TASK, {"job_id": job, "attempt": "first"}),
        (TASK, {}),
    ]
    app = celery_app("chaos", chaos.broker_url)
    for task, arguments in wrong:
        app.send_task(task, kwargs=arguments, queue=QUEUE, priority=6)
    app.close()
