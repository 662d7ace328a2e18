"""Whoever stands between a service and its broker would hear the password: a certificate has to be the host's."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trustme
from kombu.exceptions import OperationalError

from tests.tls import PATIENCE, SecuredServer
from wharf.common.doorbell import Doorbell
from wharf.common.queues import Priority
from wharf.common.runtime.celery import celery_app

BROKERS = pytest.mark.parametrize("broker", ["rediss://:secret", "amqps://guest:guest"])
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """What this machine trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    return authority


def heard(server: SecuredServer, broker_url: str) -> bytes:
    """What the server hears of a job's message; it says nothing itself, so it never is one that took it."""
    assert not Doorbell(celery_app("test", broker_url)).ring(uuid4(), 1, "echo", "maintenance", Priority.NORMAL)
    assert server.called.wait(PATIENCE)
    server.close()
    return server.heard


@BROKERS
def test_a_broker_with_the_right_certificate_is_talked_to(broker: str, authority: trustme.CA) -> None:
    """As for every other address that asks for TLS: this machine trusts who signed it, and the name is the host's."""
    server = SecuredServer(authority, "127.0.0.1")
    assert heard(server, f"{broker}@127.0.0.1:{server.port}/")


@BROKERS
@pytest.mark.usefixtures("authority")
def test_a_certificate_that_nobody_trusts_is_refused(broker: str) -> None:
    """Made by the one who stands between."""
    server = SecuredServer(trustme.CA(), "127.0.0.1")
    assert heard(server, f"{broker}@127.0.0.1:{server.port}/") == b""


@BROKERS
def test_a_certificate_of_another_host_is_refused(broker: str, authority: trustme.CA) -> None:
    """Trusted, but somebody else's."""
    server = SecuredServer(authority, "other.example.org")
    assert heard(server, f"{broker}@127.0.0.1:{server.port}/") == b""


@pytest.mark.usefixtures("authority")
def test_who_asks_for_no_certificate_gets_what_he_asks_for() -> None:
    """As the address says it."""
    server = SecuredServer(trustme.CA(), "other.example.org")
    url = f"rediss://:secret@127.0.0.1:{server.port}/?ssl_cert_reqs=none"
    assert heard(server, url)


def test_of_several_brokers_each_has_its_own_name(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of a cluster's is asked for its own name, once the first is away."""
    resolved = socket.getaddrinfo

    def at_home(host: str, *more: Any, **named: Any) -> Any:
        return resolved("127.0.0.1" if host.endswith(".test") else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", at_home)
    server = SecuredServer(authority, "second.test")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = closed.getsockname()[1]
    app = celery_app("test", f"amqps://a:b@first.test:{away}//;amqps://a:b@second.test:{server.port}//")
    with app.connection_for_write() as connection, pytest.raises(OperationalError):
        connection.ensure_connection(max_retries=2, interval_start=0, timeout=PATIENCE)
    server.close()
    assert server.heard
