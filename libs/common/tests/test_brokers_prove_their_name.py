from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
import trustme

from wharf.common.doorbell import Doorbell
from wharf.common.queues import Priority
from wharf.common.runtime.celery import celery_app

BROKERS = pytest.mark.parametrize("broker", ["rediss://:secret", "amqps://guest:guest"])
PATIENCE = 10.0


class Listener:
    """A server with a certificate, which hears what is said to it after the handshake, and hangs up."""

    def __init__(self, name: str, authority: trustme.CA) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard = b""
        self.called = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._hear(self._listener.accept()[0])
                self.called.set()

    def _hear(self, caller: socket.socket) -> None:
        caller.settimeout(PATIENCE)
        with suppress(OSError), caller, self._context.wrap_socket(caller, server_side=True) as secured:
            self.heard += secured.recv(100)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """What this machine trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    return authority


def heard(broker: str, name: str, authority: trustme.CA) -> bytes:
    """What a server with that certificate hears of a job's message."""
    server = Listener(name, authority)
    doorbell = Doorbell(celery_app("test", f"{broker}@localhost:{server.port}/"))
    assert not doorbell.ring(uuid4(), 1, "echo", "maintenance", Priority.NORMAL)
    assert server.called.wait(PATIENCE)
    server.close()
    return server.heard


@pytest.mark.timeout(60)
@BROKERS
def test_a_broker_with_the_right_certificate_is_talked_to(broker: str, authority: trustme.CA) -> None:
    """As for every other address that asks for TLS: this machine trusts who signed it, and the name is the host's."""
    assert heard(broker, "localhost", authority)


@pytest.mark.timeout(60)
@BROKERS
def test_a_certificate_that_nobody_trusts_is_refused(broker: str, authority: trustme.CA) -> None:
    """Whoever stands between would hear the password."""
    assert authority
    assert heard(broker, "localhost", trustme.CA()) == b""


@pytest.mark.timeout(60)
@BROKERS
def test_a_certificate_of_another_host_is_refused(broker: str, authority: trustme.CA) -> None:
    """Trusted, but somebody else's."""
    assert heard(broker, "other.example.org", authority) == b""
