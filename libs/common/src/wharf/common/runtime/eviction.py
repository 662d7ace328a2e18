"""A broker that may throw messages away is worth a warning: the reconciler finds them, but only after half a minute."""

from __future__ import annotations

import threading

import redis
from redis.exceptions import RedisError

from wharf.common.logs import get_logger
from wharf.common.queues import is_redis

ASK_SECONDS = 1.0


def warn_of_eviction(broker_url: str) -> None:
    """One line in the log if that Redis may evict; nothing where it does not say. Returns at once."""
    if is_redis(broker_url):
        threading.Thread(target=_ask, args=(broker_url,), name="eviction", daemon=True).start()


def _ask(broker_url: str) -> None:
    policy = eviction_policy(broker_url)
    if policy not in {None, "noeviction"}:
        get_logger().warning("broker.may_evict", policy=policy, wanted="noeviction")


def eviction_policy(broker_url: str) -> str | None:
    """The `maxmemory-policy`, None where the server is away or forbids to ask."""
    try:
        with redis.Redis.from_url(
            broker_url, socket_timeout=ASK_SECONDS, socket_connect_timeout=ASK_SECONDS, decode_responses=True
        ) as client:
            return str(client.config_get("maxmemory-policy")["maxmemory-policy"])
    except (RedisError, KeyError, ValueError):
        return None
