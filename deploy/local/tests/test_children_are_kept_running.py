"""A child that dies comes back, on its port, with its data; connection.json tells its new pid."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing, suppress

import psutil
import psycopg
import pytest
import redis

from wharf.local import Connection, LocalStack
from wharf.local.backoff import FIRST_SECONDS, LONGEST_SECONDS, STEADY_SECONDS, Backoff

Wait = Callable[[Callable[[], object]], None]


def kill_and_wait(stack: LocalStack, name: str, wait: Wait) -> None:
    """Kill a child as nothing can be prepared for, and wait until the file tells of a new one."""
    pid = stack.connection.processes[name]
    os.kill(pid, signal.SIGKILL)
    wait(lambda: Connection.read(stack.folder.connection).processes[name] != pid)


def value_in(database_url: str) -> object:
    with suppress(psycopg.OperationalError), psycopg.connect(database_url) as database:
        return database.execute("SELECT answer FROM survives").fetchone()
    return None


def redis_value(url: str) -> object:
    with suppress(redis.RedisError), redis.Redis.from_url(url) as client:
        return client.get("survives")
    return None


@pytest.mark.stack
def test_a_killed_service_is_started_again_and_the_file_tells_its_pid(stack: LocalStack, wait: Wait) -> None:
    """The other children stay."""
    before = stack.connection.processes
    kill_and_wait(stack, "ingest-worker", wait)
    after = Connection.read(stack.folder.connection).processes
    assert {name for name in before if before[name] != after[name]} == {"ingest-worker"}
    assert psutil.pid_exists(after["ingest-worker"])


@pytest.mark.stack
def test_a_killed_postgres_comes_back_on_its_port_with_every_commit(stack: LocalStack, wait: Wait) -> None:
    """It replays its log; the address does not change, so services only have to try again."""
    url = stack.connection.database_url
    with psycopg.connect(url) as database:
        database.execute("CREATE TABLE survives AS SELECT 42 AS answer")
    kill_and_wait(stack, "postgres", wait)
    wait(lambda: value_in(url) == (42,))


@pytest.mark.stack
def test_postgres_comes_back_although_a_query_of_the_dead_one_still_runs(stack: LocalStack, wait: Wait) -> None:
    """A busy backend outlives its server and would keep a new one from starting."""
    url = stack.connection.database_url
    with closing(psycopg.connect(url)) as busy:
        backend = busy.info.backend_pid
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
        kill_and_wait(stack, "postgres", wait)
        wait(lambda: connects(url))
        assert not psutil.pid_exists(backend)


def connects(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False


@pytest.mark.stack
def test_a_stopped_redis_comes_back_on_its_port_with_its_keys(stack: LocalStack, wait: Wait) -> None:
    """What was written to the append-only file is there again."""
    url = stack.connection.redis_url
    with redis.Redis.from_url(url) as client:
        client.set("survives", "yes")
        wait(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0)
    kill_and_wait(stack, "redis", wait)
    wait(lambda: redis_value(url) == b"yes")


@pytest.mark.stack
def test_a_killed_watchdog_is_replaced(stack: LocalStack, wait: Wait) -> None:
    """Somebody always watches over the children."""
    # Other tests of this session may have a stack of their own, with a watchdog each.
    killed = {one.pid for one in watchdogs()}
    assert killed
    for one in watchdogs():
        one.kill()
    wait(lambda: len({one.pid for one in watchdogs()} - killed) == len(killed))


def watchdogs() -> list[psutil.Process]:
    """The watchdogs among our own children."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "watchdog.py" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_a_child_that_keeps_dying_waits_longer_and_longer_up_to_a_bound() -> None:
    """Doubling from a fifth of a second to ten seconds."""
    backoff = Backoff()
    delays = [backoff.after(0.1) for _ in range(8)]
    assert delays[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert delays[-2:] == [LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_child_that_lived_long_starts_again_at_once() -> None:
    """Old deaths do not count against it."""
    backoff = Backoff()
    for _ in range(5):
        backoff.after(0.1)
    assert backoff.after(STEADY_SECONDS) == FIRST_SECONDS
