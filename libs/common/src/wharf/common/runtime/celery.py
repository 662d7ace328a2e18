"""The one configuration of Celery that every process shares.

Each setting answers a way in which Celery on Redis loses, repeats or forgets work; see docs/decisions.
"""

from __future__ import annotations

from celery import Celery

from wharf.common.queues import Priority, Queue, broker_priority, broker_queue, is_amqp

BROKER_SECONDS = 1.0
"""How long a submit may wait for the broker before the dispatcher takes over."""


def celery_app(name: str, broker_url: str, queues: tuple[Queue, ...] = tuple(Queue)) -> Celery:
    """A Celery application that knows the given queues; a worker without `-Q` serves all of them."""
    app = Celery(name, broker=broker_url)
    app.conf.update(_delivery(broker_url), **_queues(broker_url, queues), **_publishing(), **_worker())
    return app


def _delivery(broker_url: str) -> dict[str, object]:
    return {
        # The claim in the ledger is the hand-over: nothing hides in the broker, nothing comes back from it.
        "task_acks_late": False,
        "worker_disable_prefetch": not is_amqp(broker_url),
        "worker_prefetch_multiplier": 1,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        # Nothing waits in a worker's memory: later is a column of the ledger.
        "worker_eta_task_limit": 1,
        "broker_transport_options": {} if is_amqp(broker_url) else _redis_options(),
    }


def _redis_options() -> dict[str, object]:
    return {
        "global_keyprefix": "wharf:",
        "queue_order_strategy": "priority",
        "visibility_timeout": 86_400,
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
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # The fence decides about a runner that lost the broker for a while, not the connection.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "timezone": "UTC",
    }
