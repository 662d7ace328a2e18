"""Checks of what Wharf stands on: PostgreSQL, Redis, the broker, the storage and its disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis
from kombu import Connection
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, ResponseError
from redis.retry import Retry
from sqlalchemy import text

from wharf.common.ledger.database import Database
from wharf.common.queues import is_redis
from wharf.common.settings import ServiceSettings
from wharf.common.storage import Storage
from wharf.gateway.checks.part import Level, Part, filled, of_problems, size

ANSWER_SECONDS = 2.0
CONNECTIONS = (0.8, 0.95)
"""From which share on of the connections that PostgreSQL allows it is told as a warning, and as a failure."""
MEMORY = (0.8, 0.95)
DISK = (0.9, 0.98)
SIZE = text("""
    SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size_bytes,
           CAST((SELECT sum(numbackends) FROM pg_stat_database) AS bigint) AS connections,
           CAST(current_setting('max_connections') AS bigint)
               - CAST(current_setting('superuser_reserved_connections') AS bigint) AS connections_limit""")


def server_checks(database: Database, storage: Storage, settings: ServiceSettings) -> dict[str, Callable[[], Part]]:
    """By the name of the part."""
    broker_url, redis_url = settings.broker_url.get_secret_value(), settings.redis_url.get_secret_value()
    return {
        "database": lambda: check_database(database),
        "broker": lambda: check_broker(broker_url),
        "redis": lambda: check_redis(redis_url),
        "storage": lambda: check_storage(storage),
        "disk": lambda: check_disk(storage),
    }


def check_database(database: Database) -> Part:
    """Whether it answers, how large it is, and how many of its connections are used."""
    started = time.monotonic()
    with database.anyone() as connection:
        figures = dict(connection.execute(SIZE).mappings().one())
    used, limit = figures["connections"], figures["connections_limit"]
    said = f"PostgreSQL {figures['version'].split()[0]}, {size(figures['size_bytes'])}, {used} of {limit} connections."
    return Part(filled(used / limit, *CONNECTIONS), said, figures | {"seconds": _since(started)})


def check_broker(url: str) -> Part:
    """Whether it takes connections; of a Redis its memory, and that it throws no message away."""
    if not is_redis(url):
        return _check_amqp(url)
    figures = _ask_redis(url)
    policy = figures.get("eviction_policy")
    problems = _memory_problems(figures)
    if policy not in {None, "noeviction"}:
        said = f"Its maxmemory-policy is {policy}, which throws messages away: set it to noeviction."
        problems.append((Level.FAIL, said))
    return of_problems(problems, _redis_sentence(figures), figures)


def check_redis(url: str) -> Part:
    """That of live progress and events: losing it loses nothing else."""
    figures = _ask_redis(url)
    return of_problems(_memory_problems(figures), _redis_sentence(figures), figures)


def check_storage(storage: Storage) -> Part:
    """Whether an object can be written and looked up."""
    started = time.monotonic()
    storage.now()
    seconds = _since(started)
    return Part(Level.OK, f"An object was written and found in {seconds:.3f} s.", {"seconds": seconds})


def check_disk(storage: Storage) -> Part:
    """The room where the storage's folder is; of a storage elsewhere nobody knows it."""
    room = storage.room()
    if room is None:
        return Part(Level.OK, "The storage is no folder of this machine: its room is not known here.")
    figures = {"free_bytes": room.free, "total_bytes": room.total}
    said = f"{size(room.free)} of {size(room.total)} are free in the storage's folder."
    return Part(filled(1 - room.free / room.total, *DISK), said, figures)


def _check_amqp(url: str) -> Part:
    started = time.monotonic()
    with Connection(url, connect_timeout=ANSWER_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, timeout=ANSWER_SECONDS)
    return Part(Level.OK, "RabbitMQ takes connections; its memory is for its own tools.", {"seconds": _since(started)})


def _ask_redis(url: str) -> dict[str, Any]:
    started = time.monotonic()
    within = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    # Not tried again by itself: a server that hangs would be waited for four times.
    with redis.Redis.from_url(url, decode_responses=True, retry=Retry(NoBackoff(), 0), **within) as client:
        try:
            told: dict[str, Any] = client.info()
        except NoPermissionError:  # an answer too
            return {"seconds": _since(started)}
        policy = _policy(client)
    memory = {"memory_bytes": told["used_memory"], "memory_limit_bytes": told.get("maxmemory") or None}
    return {"version": told["redis_version"], "eviction_policy": policy, "seconds": _since(started)} | memory


def _policy(client: redis.Redis) -> str | None:
    """None where the server forbids to ask, as managed ones do."""
    try:
        return str(client.config_get("maxmemory-policy")["maxmemory-policy"])
    except (ResponseError, KeyError):
        return None


def _memory_problems(figures: dict[str, Any]) -> list[tuple[Level, str]]:
    limit = figures.get("memory_limit_bytes")
    if not limit:
        return []
    used = figures["memory_bytes"]
    level = filled(used / limit, *MEMORY)
    return [] if level is Level.OK else [(level, f"{size(used)} of {size(limit)} of its memory are used.")]


def _redis_sentence(figures: dict[str, Any]) -> str:
    if "version" not in figures:
        return "Redis answers; how full it is this user may not ask (INFO)."
    limit = figures["memory_limit_bytes"]
    return f"Redis {figures['version']}, {size(figures['memory_bytes'])} of {size(limit) if limit else 'any amount'}."


def _since(started: float) -> float:
    return round(time.monotonic() - started, 4)
