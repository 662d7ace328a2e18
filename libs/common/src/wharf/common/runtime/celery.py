"""The one configuration of Celery that every process shares.

Each setting answers a way in which Celery on Redis loses, repeats or forgets work; see docs/decisions.
"""

from __future__ import annotations

import ssl

from celery import Celery

from wharf.common.queues import Priority, Queue, broker_priority, broker_queue, is_amqp
from wharf.common.runtime.transport import use_ours

BROKER_SECONDS = 1.0
"""How long a submit may wait for the broker before the dispatcher takes over."""


def celery_app(name: str, broker_url: str, queues: tuple[Queue, ...] = tuple(Queue)) -> Celery:
    """A Celery application that knows the given queues; a worker without `-Q` serves all of them."""
    use_ours()
    app = Celery(name, broker=broker_url)
    app.conf.update(_delivery(broker_url), **_queues(broker_url, queues), **_publishing(), **_worker())
    return app


def _delivery(broker_url: str) -> dict[str, object]:
    return {
        # The claim in the ledger is the hand-over: nothing hides in the broker, nothing comes back from it. RabbitMQ
        # gives a worker as many messages as it may have unacknowledged: acknowledged late, that is what it works on.
        "task_acks_late": is_amqp(broker_url),
        "worker_disable_prefetch": not is_amqp(broker_url),
        "worker_prefetch_multiplier": 1,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        # Nothing waits in a worker's memory: later is a column of the ledger.
        "worker_eta_task_limit": 1,
        # On RabbitMQ the queue of a worker's remote control is exclusive by its name: a second worker on a host, named
        # alike unless somebody cares, would end at once.
        "worker_enable_remote_control": not is_amqp(broker_url),
        "broker_transport_options": {} if is_amqp(broker_url) else _redis_options(),
        # Where the address says nothing of certificates kombu believes any. RabbitMQ's: see SecureTransport.
        "broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED} if broker_url.startswith("rediss://") else None,
    }


def publishing_options(broker_url: str) -> dict[str, object]:
    """The transport's options where only messages are published: nothing of it may wait for a broker that hangs."""
    if is_amqp(broker_url):
        # Without a confirmation a message to a server that hangs counts as published.
        return {"confirm_publish": True, "read_timeout": BROKER_SECONDS, "write_timeout": BROKER_SECONDS}
    # Once more, at once: kombu would try for ever longer, and the dispatcher tries later anyway.
    once_more = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    return _redis_options() | once_more | {"socket_timeout": BROKER_SECONDS}


def _redis_options() -> dict[str, object]:
    return {
        "global_keyprefix": "wharf:",
        "queue_order_strategy": "priority",
        # What a worker has taken is kept in its memory, not in Redis: two transactions a message less. A stop puts it
        # back, a crash loses a ring, which the reconciler hears.
        "ack_emulation": False,
        "socket_timeout": 5.0,
        "socket_connect_timeout": BROKER_SECONDS,
        # A client that repeats a publish rings twice; the dispatcher repeats what was not heard.
        "retry_on_timeout": False,
        "health_check_interval": 10,
    }


def _queues(broker_url: str, queues: tuple[Queue, ...]) -> dict[str, object]:
    return {
        "task_queues": [broker_queue(q, broker_url) for q in queues],
        "task_default_queue": queues[0].value,
        "task_default_exchange": "wharf",
        "task_default_exchange_type": "direct",
        "task_default_routing_key": queues[0].value,
        "task_default_priority": broker_priority(Priority.NORMAL, broker_url),
        # `-Q ingest-bulk` on a worker whose own queue is another.
        "task_create_missing_queues": True,
    }


def _publishing() -> dict[str, object]:
    return {
        "task_publish_retry": False,
        "broker_connection_timeout": BROKER_SECONDS,
        "broker_pool_acquire_timeout": BROKER_SECONDS,
        "broker_pool_limit": 20,
    }


def _worker() -> dict[str, object]:
    return {
        # By name: who only publishes needs no pool.
        "worker_pool": "wharf.common.runtime.pool:Pool",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # The fence decides about a runner that lost the broker for a while, not the connection.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "timezone": "UTC",
    }
