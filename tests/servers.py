"""The servers under a stack of the integration tests: its own child processes, or containers.

`WHARF_TEST_BACKEND=containers` takes PostgreSQL and Redis from the official images; else the stack brings its own.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import redis

from wharf.local.trial import eventually

BACKEND = "WHARF_TEST_BACKEND"
CONTAINERS = "containers"
POSTGRES = "postgres:18-bookworm"
REDIS = "redis:7-bookworm"


NO_CANARIES = """
    UPDATE wharf.schedules SET enabled = false, next_at = NULL, adjusted = true WHERE builtin AND kind = 'health'
    RETURNING 1"""


def send_no_canaries(database_url: str) -> None:
    """Each minute they would take the processor from what is tested, and from every stack that stands by."""

    def switched_off() -> bool:
        with psycopg.connect(database_url) as ledger:
            return ledger.execute(NO_CANARIES).fetchone() is not None

    eventually(switched_off, "the built-in schedule")


def in_containers() -> bool:
    """Whether the servers are containers."""
    return os.environ.get(BACKEND) == CONTAINERS


@contextmanager
def servers() -> Iterator[dict[str, Any]]:
    """What a `LocalStack` is told of its servers; each has its own, since their roles belong to a whole server."""
    if not in_containers():
        yield {}
        return
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - needs an engine as soon as it is used

    word = secrets.token_hex(16)
    database = DockerContainer(POSTGRES).with_env("POSTGRES_USER", "wharf").with_env("POSTGRES_PASSWORD", word)
    broker = DockerContainer(REDIS).with_exposed_ports(6379).with_command(f"--requirepass {word}")
    with database.with_exposed_ports(5432) as postgres, broker as brokers:
        place = f"{postgres.get_container_host_ip()}:{postgres.get_exposed_port(5432)}"
        database_url = f"postgresql://wharf:{word}@{place}/wharf"
        redis_url = f"redis://:{word}@{brokers.get_container_host_ip()}:{brokers.get_exposed_port(6379)}/0"
        eventually(lambda: _answers(database_url, redis_url), "the servers' containers")
        yield {"database_url": database_url, "redis_url": redis_url}


def _answers(database_url: str, redis_url: str) -> bool:
    with suppress(psycopg.OperationalError, redis.RedisError):
        psycopg.connect(database_url, connect_timeout=2).close()
        with redis.Redis.from_url(redis_url, socket_timeout=2) as client:
            return bool(client.ping())
    return False
