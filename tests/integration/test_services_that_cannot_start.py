"""What nobody can work with ends the start with one sentence that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis
import trustme
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from tests.tls import SecuredServer
from wharf.common import startup
from wharf.common.errors import Invalid
from wharf.common.settings import ServiceSettings
from wharf.common.startup import check, check_ledger
from wharf.local.address import as_role, next_redis_database
from wharf.local.binaries import find_redis
from wharf.local.credentials import Credentials
from wharf.local.ports import Ports
from wharf.local.trial import Trial

COMMANDS = {
    "wharf-gateway": ["wharf.gateway"],
    "wharf-ingest-worker": ["wharf.ingest_worker"],
    "wharf-package-worker": ["wharf.package_worker"],
    "wharf-scheduler": ["wharf.scheduler"],
    "maintenance worker": ["wharf.scheduler", "worker"],
    "as Celery has it": ["celery", "--quiet", "-A", "wharf.ingest_worker.app", "worker"],
}

CLUSTER_TRIES = 5


@pytest.fixture
def settings(wharf: Trial, tmp_path: Path) -> dict[str, Any]:
    """What a service that starts well is told."""
    kept = Credentials.keep(wharf.stack.folder.secrets, lambda: "never made")
    connection = wharf.connection
    return {
        "database_url": as_role(connection.database_url, "wharf_app", kept.app_password),
        "redis_url": connection.redis_url,
        "broker_url": next_redis_database(connection.redis_url),
        "storage_url": (tmp_path / "objects").as_uri(),
    }


def sentence(settings: dict[str, Any]) -> str:
    """Why a service with these settings does not start."""
    named = {"DATABASE_URL": settings["database_url"], "REDIS_URL": settings["redis_url"]}
    rest = {"WHARF_BROKER_URL": settings["broker_url"], "storage_url": settings["storage_url"]}
    with pytest.raises(Invalid) as refused:
        check(ServiceSettings.model_validate({f"WHARF_{k}": v for k, v in named.items()} | rest))
    assert "\n" not in refused.value.message
    return refused.value.message


def test_a_wrong_password_is_told_and_not_repeated(settings: dict[str, Any]) -> None:
    """Of PostgreSQL and of Redis; the sentence names the variable."""
    wrong = as_role(settings["database_url"], "wharf_app", "s3cret")
    assert "WHARF_DATABASE_URL" in sentence(settings | {"database_url": wrong})
    assert "s3cret" not in sentence(settings | {"database_url": wrong})
    other = settings["redis_url"].replace("redis://:", "redis://:s3cret")
    assert "WHARF_REDIS_URL" in sentence(settings | {"redis_url": other})
    assert "s3cret" not in sentence(settings | {"redis_url": other})


@pytest.mark.parametrize("wrong", ["mysql://u:s3cret@h/d", "s3cret"])
def test_what_is_no_address_is_told_and_not_repeated(settings: dict[str, Any], wrong: str) -> None:
    """An address that cannot be read may hold a password all the same."""
    told = sentence(settings | {"database_url": wrong})
    assert "WHARF_DATABASE_URL is no address" in told
    assert "s3cret" not in told


@pytest.fixture
def empty_database(wharf: Trial) -> Iterator[str]:
    """The address of a database without tables, for the owner."""
    name = f"empty_{uuid4().hex[:8]}"
    with psycopg.connect(wharf.connection.database_url, autocommit=True) as owner:
        owner.execute(f"CREATE DATABASE {name}")
        yield wharf.connection.database_url.rpartition("/")[0] + f"/{name}"
        owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_ledger_without_tables_or_with_an_old_schema_is_told(empty_database: str) -> None:
    """Somebody has to run `wharf migrate`; a schema that is newer than we know is fine."""
    with pytest.raises(Invalid, match="Run: wharf migrate"):
        check_ledger(empty_database)
    with psycopg.connect(empty_database, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA wharf; CREATE TABLE wharf.alembic_version (version_num text)")
        owner.execute("INSERT INTO wharf.alembic_version VALUES ('0001')")
        with pytest.raises(Invalid, match=r"has the schema 0001.* Run: wharf migrate"):
            check_ledger(empty_database)
        owner.execute("UPDATE wharf.alembic_version SET version_num = '9999'")
        check_ledger(empty_database)


def test_a_server_that_is_too_old_is_told(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Row security and NULLS NOT DISTINCT need 15. An old server is not at hand here: the bar is raised instead."""
    monkeypatch.setattr(startup, "OLDEST_SERVER", 990_000)
    assert "is too old: Wharf needs" in sentence(settings)


def test_a_broker_that_evicts_is_told(wharf: Trial, settings: dict[str, Any]) -> None:
    """A Redis that throws away what it has no room for is no broker."""
    with redis.Redis.from_url(wharf.connection.redis_url) as server:
        server.config_set("maxmemory-policy", "allkeys-lru")
        try:
            told = sentence(settings)
        finally:
            server.config_set("maxmemory-policy", "noeviction")
    assert "allkeys-lru" in told
    assert "noeviction" in told


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a Redis in cluster mode, without a database."""
    for number in range(CLUSTER_TRIES):
        port = Ports(tmp_path / "ports").pick(f"cluster-{number}")
        with clustered(port, tmp_path) as server:
            try:
                if answers(server, port):
                    yield f"redis://127.0.0.1:{port}"
                    return
            finally:
                server.terminate()
    pytest.fail(f"no Redis in cluster mode would run on {CLUSTER_TRIES} ports")


def clustered(port: int, folder: Path) -> subprocess.Popen[bytes]:
    """It takes a second port, 10,000 further, which cannot be chosen before Redis 7."""
    options = {"port": str(port), "bind": "127.0.0.1", "dir": str(folder), "save": "", "cluster-enabled": "yes"}
    command = [str(find_redis()), *(word for name, value in options.items() for word in (f"--{name}", value))]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it runs; not where somebody has its second port."""
    with redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as client:
        while server.poll() is None:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                time.sleep(0.05)
    return False


@pytest.mark.parametrize("variable", ["redis_url", "broker_url"])
@pytest.mark.parametrize("database", [0, 1])
def test_a_cluster_is_told(settings: dict[str, Any], cluster: str, variable: str, database: int) -> None:
    """It answers, refuses any database but the first one, and later what concerns two keys: no password mends that."""
    told = sentence(settings | {variable: f"{cluster}/{database}"})
    assert f"WHARF_{variable.upper()} is a cluster" in told
    assert "cluster mode off" in told


@pytest.fixture
def stranger() -> Iterator[SecuredServer]:
    """Somebody between a service and its server."""
    server = SecuredServer(trustme.CA(), "localhost")
    yield server
    server.close()


def test_a_server_that_does_not_prove_its_name_is_told(
    settings: dict[str, Any], stranger: SecuredServer, tmp_path: Path
) -> None:
    """Waiting mends no certificate, and nobody who stands between is told a password."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    redis_url = f"rediss://:s3cret@localhost:{stranger.port}/0"
    for variable in ("redis_url", "broker_url"):
        told = sentence(settings | {variable: redis_url})
        assert f"WHARF_{variable.upper()}" in told
        assert "SSL_CERT_FILE" in told
        assert "s3cret" not in told
    told = sentence(settings | {"broker_url": f"amqps://wharf:s3cret@localhost:{stranger.port}//"})
    assert "RabbitMQ does not prove that it is the host in WHARF_BROKER_URL" in told
    assert "s3cret" not in told
    place = f"localhost:{stranger.port}/wharf?sslmode=verify-full&sslrootcert={tmp_path}/ca.pem"
    told = sentence(settings | {"database_url": f"postgresql://wharf_app:s3cret@{place}"})
    assert "does not prove that it is the host in WHARF_DATABASE_URL (SSL error: certificate verify failed)" in told
    assert "s3cret" not in told


def test_servers_that_are_away_stop_nobody(settings: dict[str, Any]) -> None:
    """They may come back: everything waits for them."""
    away = {
        "WHARF_DATABASE_URL": "postgresql://wharf_app:a@127.0.0.1:1/wharf",
        "WHARF_REDIS_URL": "redis://127.0.0.1:1/0",
        "WHARF_BROKER_URL": "redis://127.0.0.1:1/1",
        "storage_url": settings["storage_url"],
    }
    with capture_logs() as lines:
        check(ServiceSettings.model_validate(away))
        check(
            ServiceSettings.model_validate(away | {"WHARF_BROKER_URL": "amqp://a:b@127.0.0.1:1//;amqp://127.0.0.1:2"})
        )
    told = [line["event"].removeprefix("startup.") for line in lines]
    assert told[:3] == ["ledger_away", "redis_away", "redis_away"]
    assert told[3:] == ["ledger_away", "redis_away", "rabbitmq_away", "rabbitmq_away"]


@pytest.mark.parametrize("module", COMMANDS.values(), ids=COMMANDS)
def test_each_service_ends_with_the_sentence(settings: dict[str, Any], tmp_path: Path, module: list[str]) -> None:
    """Exit code 2, no traceback, whichever way it is started; the password comes from a file here."""
    secret = tmp_path / "database_url"
    secret.write_text(as_role(settings["database_url"], "wharf_app", "s3cret") + "\n", "utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WHARF_")} | {
        "WHARF_DATABASE_URL_FILE": str(secret),
        "WHARF_REDIS_URL": settings["redis_url"],
        "WHARF_BROKER_URL": settings["broker_url"],
        "WHARF_STORAGE_URL": settings["storage_url"],
    }
    command = [sys.executable, "-m", *module]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert "PostgreSQL refuses the login" in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr + done.stdout
