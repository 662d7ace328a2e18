from __future__ import annotations

import random
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.chaos.proxy import Mode, Network, Proxy
from wharf.local.ports import HOST, POOL, is_free
from wharf.local.trial import eventually

PATIENCE = 5.0
SOON = 0.3
LARGE = bytes(range(256)) * 20_000


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was reset is what these tests are about."""


def free_port() -> int:
    return next(port for port in random.sample(POOL, k=len(POOL)) if is_free(port))


@pytest.fixture
def listening() -> int:
    return free_port()


@pytest.fixture
def proxy(listening: int) -> Iterator[Proxy]:
    with EchoServer((HOST, 0), Echo) as server, Network() as network:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield network.proxy(listening, server.server_address[1])
        server.shutdown()


def connect(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=PATIENCE)


def talk(port: int) -> bytes:
    with closing(connect(port)) as client:
        client.sendall(b"y")
        return client.recv(1)


def received(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := client.recv(65536)):
        data += piece
    return data


def test_bytes_pass(proxy: Proxy, listening: int) -> None:
    """What goes in comes out, both ways, all of it."""
    with closing(connect(listening)) as client:
        threading.Thread(target=client.sendall, args=(LARGE,), daemon=True).start()
        assert received(client, len(LARGE)) == LARGE


def test_an_end_passes_too(proxy: Proxy, listening: int) -> None:
    """When one side has gone, both connections are closed."""
    client = connect(listening)
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    client.close()
    eventually(lambda: proxy.connections == 0, "both ends closed", PATIENCE)


def test_dropped_connections_are_reset(proxy: Proxy, listening: int) -> None:
    """Open ones get RST, new ones too, until it is healed."""
    with closing(connect(listening)) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        proxy.set(Mode.DROP)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(ConnectionResetError):
        talk(listening)
    proxy.set(Mode.PASS)
    assert talk(listening) == b"y"


def test_delayed_bytes_come_late(proxy: Proxy, listening: int) -> None:
    """Each piece waits on its way there and on its way back."""
    with closing(connect(listening)) as client:
        proxy.set(Mode.DELAY, SOON)
        begun = time.monotonic()
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert time.monotonic() - begun >= 2 * SOON


def test_half_open_connections_say_nothing(proxy: Proxy, listening: int) -> None:
    """An old one and a new one are taken and stay silent; what had a hole is reset when it is healed."""
    with closing(connect(listening)) as old:
        old.sendall(b"x")
        assert old.recv(1) == b"x"
        proxy.set(Mode.SWALLOW)
        with closing(connect(listening)) as new:
            for client in (old, new):
                client.settimeout(SOON)
                client.sendall(b"x")
                with pytest.raises(TimeoutError):
                    client.recv(1)
            proxy.set(Mode.PASS)
            old.settimeout(PATIENCE)
            with pytest.raises(ConnectionResetError):
                old.recv(1)
    assert talk(listening) == b"y"
