"""What the own servers promise: nothing committed is lost, nobody comes in without a password."""

from __future__ import annotations

import stat
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from wharf.local import LocalStack
from wharf.local.address import as_role, next_redis_database
from wharf.local.credentials import Credentials

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_durability_setting_is_on_because_nobody_touched_it(stack: LocalStack, name: str) -> None:
    """Every role that works with the data sees PostgreSQL's own default, on."""
    with psycopg.connect(stack.connection.database_url) as connection:
        row = connection.execute("SELECT setting, source FROM pg_settings WHERE name = %s", [name]).fetchone()
    assert row == ("on", "default")


def test_no_role_or_database_switches_durability_off(stack: LocalStack) -> None:
    """A setting of a role or a database would win over the server's."""
    with psycopg.connect(stack.connection.database_url) as connection:
        rows = connection.execute("SELECT array_to_string(setconfig, ' ') FROM pg_db_role_setting").fetchall()
    assert not [text for (text,) in rows if "synchronous_commit" in text]


def test_data_pages_have_checksums_and_text_is_utf8(stack: LocalStack) -> None:
    """The cluster stores any text, in the same order on every system."""
    with psycopg.connect(stack.connection.database_url) as connection:
        row = connection.execute(
            "SELECT current_setting('data_checksums'), current_setting('server_encoding'), upper('ü')"
        ).fetchone()
    assert row == ("on", "UTF8", "Ü")


def test_redis_keeps_messages_on_disk_and_evicts_nothing(stack: LocalStack) -> None:
    """The queue survives a restart of Redis, and no key goes when memory is short."""
    with redis.Redis.from_url(stack.connection.redis_url, decode_responses=True) as client:
        settings = client.config_get("*")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"


@pytest.mark.parametrize("password", ["", "wrong"])
def test_postgres_refuses_a_login_without_the_password(stack: LocalStack, password: str) -> None:
    """The local network address is no reason to trust anybody, whichever user runs this."""
    url = as_role(stack.connection.database_url, "wharf", password)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url, passfile="/dev/null", connect_timeout=10)


def test_redis_refuses_a_client_without_the_password(stack: LocalStack) -> None:
    """Nothing can be read or written before AUTH."""
    port = stack.connection.redis_url.rpartition(":")[2].partition("/")[0]
    with redis.Redis(port=int(port), retry=Retry(NoBackoff(), 0)) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_both_servers_listen_on_this_machine_only_and_on_no_socket_file(stack: LocalStack) -> None:
    """A socket file would not fit on a long path, and other addresses are other machines."""
    for name in ("postgres", "redis"):
        server = psutil.Process(stack.connection.processes[name])
        listening = [one for one in server.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        assert {one.laddr[0] for one in listening} == {"127.0.0.1"}
        assert not any(one.laddr for one in server.net_connections("unix"))


def test_no_secret_is_in_a_command_line(stack: LocalStack) -> None:
    """Command lines are everybody's to read."""
    secrets = Credentials.keep(stack.folder.secrets, lambda: "")
    passwords = (secrets.owner_password, secrets.app_password, secrets.dispatch_password, secrets.redis_password)
    passwords = (*passwords, secrets.backup_password)
    lines = [" ".join(psutil.Process(pid).cmdline()) for pid in stack.connection.processes.values()]
    assert not [line for line in lines for secret in (*passwords, secrets.api_key) if secret in line]


def test_what_holds_secrets_is_for_the_owner_only(stack: LocalStack) -> None:
    """Nobody else on the machine may read keys, passwords, logs, objects or messages."""
    folder = stack.folder
    for file in (folder.secrets, folder.connection, folder.ports, folder.redis / "redis.conf"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for inner in (folder.logs, folder.objects, folder.run, folder.redis, folder.postgres):
        assert stat.S_IMODE(inner.stat().st_mode) == 0o700
    assert not stat.S_IMODE(folder.root.stat().st_mode) & 0o066
    assert {stat.S_IMODE(log.stat().st_mode) for log in folder.logs.iterdir()} == {0o600}


def test_a_failed_statement_leaves_no_row_in_the_log(stack: LocalStack) -> None:
    """Users' files hold personal data: the server's log says what went wrong, not with which values."""
    log = Path(stack.folder.logs / "postgres.log")
    with psycopg.connect(stack.connection.database_url, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE people (name text PRIMARY KEY)")
        connection.execute("INSERT INTO people VALUES ('Ada Lovelace')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO people VALUES ('Ada Lovelace')")
    assert "duplicate key" in log.read_text(encoding="utf-8")
    assert "Lovelace" not in log.read_text(encoding="utf-8")


def test_broker_and_progress_have_a_database_each() -> None:
    """The broker is one database further on the same server."""
    assert next_redis_database("redis://:pw@127.0.0.1:1/0") == "redis://:pw@127.0.0.1:1/1"
    assert next_redis_database("redis://cache:6379") == "redis://cache:6379/1"
    assert next_redis_database("rediss://cache:6379/4?ssl_cert_reqs=none").endswith("/5?ssl_cert_reqs=none")
