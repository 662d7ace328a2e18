"""What proxies and load balancers expect of the server behind them."""

from __future__ import annotations

import socket
from contextlib import closing
from http.client import HTTPResponse
from urllib.parse import urlsplit

REQUEST = b"GET /livez HTTP/1.1\r\nHost: wharf.example.org\r\n\r\n"


def idle(url: str) -> socket.socket:
    """A connection that has had its answer and waits for its next request."""
    place = urlsplit(url)
    connection = socket.create_connection((place.hostname, place.port), timeout=20)
    ask(connection)
    return connection


def ask(connection: socket.socket) -> None:
    """One request, and all of its answer: head and body may come one after the other."""
    connection.sendall(REQUEST)
    answer = HTTPResponse(connection)
    answer.begin()
    assert (answer.status, bool(answer.read())) == (200, True)


def test_a_connection_is_kept_for_longer_than_proxies_keep_it(gateway, serve):
    """Uvicorn's own five seconds are less than nginx's or a cloud's sixty: a request would come as it is closed."""
    with closing(idle(gateway.url)) as kept, closing(idle(serve(keepalive_seconds=6).url)) as short:
        assert short.recv(1) == b""
        ask(kept)
