"""What is looked at before a service starts: things that no waiting mends, and that somebody has to put right.

A server that is away is none of them: it may come back, and everything in Wharf waits for it.
"""

from __future__ import annotations

import re
import ssl
import sys
from typing import Any, NoReturn

import psycopg
import redis
from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from psycopg.errors import InsufficientPrivilege, UndefinedTable
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from wharf.common.errors import Invalid
from wharf.common.ledger.compatibility import OLDEST_SERVER, schema_problem
from wharf.common.logs import get_logger
from wharf.common.queues import is_amqp, is_redis
from wharf.common.runtime.celery import celery_app
from wharf.common.settings import ServiceSettings
from wharf.common.tracing import installed

ANSWER_SECONDS = 5
BAD_SETTINGS = 2
"""The exit code of a service that cannot start as it is set up."""
REFUSED = re.compile(
    r"password authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|not permitted to log in"
    r"|server does not support SSL"
)
"""How PostgreSQL says no for good; libpq gives no SQLSTATE of a login."""
UNTRUSTED = re.compile(r"certificate.verify.failed|does not match host name|root certificate file", re.IGNORECASE)
"""How libpq and Python say that a server did not prove its name."""


def check(settings: ServiceSettings) -> None:
    """Raise `Invalid` (`bad_settings`) with one sentence where the service cannot work as it is set up."""
    check_traces(settings.otlp_endpoint)
    check_ledger(settings.database_url.get_secret_value())
    _check_redis("WHARF_REDIS_URL", settings.redis_url.get_secret_value())
    broker_url = settings.broker_url.get_secret_value()
    if is_redis(broker_url):
        _check_redis("WHARF_BROKER_URL", broker_url)
        _check_eviction(broker_url)
    if is_amqp(broker_url):
        for address in broker_url.split(";"):
            _check_rabbitmq(address)


def check_traces(endpoint: str | None) -> None:
    """What only a setting of ours wants must be there; OpenTelemetry's own variables may be meant for others."""
    if endpoint and not installed():
        _refuse("WHARF_OTLP_ENDPOINT wants traces, but OpenTelemetry is not installed. Install wharf-common[traces].")


def check_ledger(url: str) -> None:
    """The same for PostgreSQL: login, version, schema."""
    try:
        with psycopg.connect(url, connect_timeout=ANSWER_SECONDS) as connection:
            _check_server(connection)
    except psycopg.OperationalError as error:
        said = str(error)
        if UNTRUSTED.search(said):
            why = said.strip().splitlines()[0].rpartition("failed: ")[2]
            _refuse(
                f"PostgreSQL does not prove that it is the host in WHARF_DATABASE_URL ({why}). Name the file of its "
                "certificate's authority there: ?sslmode=verify-full&sslrootcert=/path."
            )
        if not REFUSED.search(said):
            get_logger().warning("startup.ledger_away", error=type(error).__name__)
            return
        reason = said.rpartition("FATAL:")[2].strip().splitlines()[0]
        _refuse(f"PostgreSQL refuses the login: {reason}. Correct WHARF_DATABASE_URL; wharf migrate sets passwords.")
    except psycopg.ProgrammingError:
        # Its text may quote the address, and so the password.
        _refuse("WHARF_DATABASE_URL is no address: write it like postgresql://user:password@host:5432/database.")


def _check_server(connection: psycopg.Connection) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        _refuse(f"PostgreSQL {version // 10_000} is too old: Wharf needs 15 or newer. Upgrade the server.")
    if problem := schema_problem(_revision(connection)):
        _refuse(problem)


def _revision(connection: psycopg.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM wharf.alembic_version").fetchone()
    except (UndefinedTable, InsufficientPrivilege):  # no table, or no schema that this role may look into
        return None
    return str(row[0]) if row else None


def _check_redis(variable: str, url: str) -> None:
    try:
        with _client(url) as client:
            client.ping()
            if _is_cluster(client):
                _refuse_cluster(variable)
    except ValueError:
        _refuse(f"{variable} is no address: write it like redis://:password@host:6379/0.")
    except (AuthenticationError, ResponseError) as error:
        if "cluster mode" in str(error):  # which has no second database
            _refuse_cluster(variable)
        _refuse(f"Redis refuses the login ({error}). Correct the user and the password in {variable}.")
    except RedisError as error:
        if UNTRUSTED.search(str(error)):
            _refuse(
                f"Redis does not prove that it is the host in {variable}: its certificate is not trusted here, or is "
                "another host's. Name its authority's file in SSL_CERT_FILE, or in the address: ?ssl_ca_certs=/path."
            )
        get_logger().warning("startup.redis_away", variable=variable, error=type(error).__name__)


def _check_rabbitmq(url: str) -> None:
    try:
        with celery_app("startup", url).connection_for_write(connect_timeout=ANSWER_SECONDS) as connection:
            connection.transport.establish_connection().close()
    except AccessRefused:
        _refuse("RabbitMQ refuses the login. Correct the user and the password in WHARF_BROKER_URL.")
    except NotAllowed:
        _refuse(
            "RabbitMQ has no virtual host of that name, or not for this user. Correct the end of WHARF_BROKER_URL: "
            "amqp://user:password@host:5672/name, and // at the end for the one that every server has."
        )
    except ssl.SSLCertVerificationError:
        _refuse(
            "RabbitMQ does not prove that it is the host in WHARF_BROKER_URL: its certificate is not trusted here, "
            "or is another host's. Name its authority's file in SSL_CERT_FILE."
        )
    except (OSError, AMQPError) as error:
        get_logger().warning("startup.rabbitmq_away", variable="WHARF_BROKER_URL", error=type(error).__name__)


def _is_cluster(client: redis.Redis) -> bool:
    """By what it says in its greeting, which needs no rights; what knows no greeting is taken for none."""
    try:
        told: Any = client.execute_command("HELLO")  # type: ignore[no-untyped-call]  # redis-py has no types for it
    except ResponseError:
        return False
    greeting = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2], strict=False))
    return greeting.get("mode") == "cluster"


def _refuse_cluster(variable: str) -> NoReturn:
    _refuse(
        f"The Redis in {variable} is a cluster, whose keys lie apart; Celery needs them in one place. "
        "Take one with cluster mode off; replicas and failover are well."
    )


def _check_eviction(url: str) -> None:
    policy = eviction_policy(url)
    if policy not in {None, "noeviction"}:
        _refuse(
            f"The broker's Redis throws messages away when it is full (maxmemory-policy {policy}). "
            "Set maxmemory-policy noeviction, or give WHARF_BROKER_URL a Redis of its own."
        )


def eviction_policy(url: str) -> str | None:
    """The `maxmemory-policy`; None where the server is away or, as managed ones do, forbids to ask."""
    try:
        with _client(url) as client:
            return str(client.config_get("maxmemory-policy")["maxmemory-policy"])
    except (RedisError, KeyError):
        return None


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, decode_responses=True
    )


def _refuse(message: str) -> NoReturn:
    raise Invalid(message, code="bad_settings")


def give_up(service: str, error: Invalid) -> NoReturn:
    """Say the sentence and end; who keeps the service running tries again."""
    sys.stderr.write(f"{service}: {error.message}\n")
    sys.exit(BAD_SETTINGS)
