from __future__ import annotations

from wharf.common.queues import Priority, Queue, broker_priority, broker_queue

REDIS = "redis://127.0.0.1/1"
RABBIT = "amqp://127.0.0.1//"


def test_redis_serves_its_lowest_number_first() -> None:
    """Urgent is 0, the list that Redis reads first; low is 9."""
    assert [broker_priority(p, REDIS) for p in Priority] == [9, 6, 3, 0]


def test_rabbitmq_serves_its_highest_number_first() -> None:
    """Urgent is 9, within the levels that the queue declares."""
    assert [broker_priority(p, RABBIT) for p in Priority] == [0, 3, 6, 9]
    assert broker_queue(Queue.INGEST, RABBIT).queue_arguments == {"x-max-priority": 10}


def test_ranks_go_both_ways() -> None:
    """What the ledger keeps as a number comes back as the same priority."""
    assert [Priority.of_rank(p.rank) for p in Priority] == list(Priority)
