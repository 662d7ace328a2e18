"""Queues and priorities, and how each broker spells them."""

from __future__ import annotations

from enum import StrEnum

from kombu import Exchange
from kombu import Queue as BrokerQueue


class Queue(StrEnum):
    """A class of work with its own worker deployment."""

    INGEST = "ingest"
    INGEST_BULK = "ingest-bulk"
    PACKAGE = "package"
    MAINTENANCE = "maintenance"


class Priority(StrEnum):
    """How urgent a job is among those of its queue."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """0 (low) to 3 (urgent), as the ledger keeps it."""
        return list(Priority).index(self)

    @classmethod
    def of_rank(cls, rank: int) -> Priority:
        """The priority with that rank."""
        return list(cls)[rank]


RABBIT_LEVELS = 10


def broker_priority(priority: Priority, broker_url: str) -> int:
    """The number that the broker wants: Redis serves 0 first (steps 0, 3, 6, 9), RabbitMQ serves 9 first."""
    steps = 3 * priority.rank
    return steps if is_amqp(broker_url) else 9 - steps


def is_amqp(broker_url: str) -> bool:
    """Whether the address is a RabbitMQ's."""
    return broker_url.startswith(("amqp", "pyamqp"))


def is_redis(broker_url: str) -> bool:
    """Whether the address is a single Redis', which can be asked about itself."""
    return broker_url.startswith(("redis://", "rediss://"))


def broker_queue(queue: Queue, broker_url: str) -> BrokerQueue:
    """The queue's declaration on that broker."""
    arguments = {"x-max-priority": RABBIT_LEVELS} if is_amqp(broker_url) else None
    return BrokerQueue(
        queue.value, Exchange("wharf", type="direct"), routing_key=queue.value, queue_arguments=arguments
    )
