"""The connection to the ledger breaks while a submit commits: no row may be left without its file."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import structlog

FILE = {"file": ("sales.csv", b"transaction_id,date,quantity,unit_price\n", "text/csv")}


class Cutter:
    """A way to PostgreSQL that is cut at the commit of the first transaction that writes an upload."""

    def __init__(self, url: str, *, delivered: bool, then_closed: bool) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname, parts.port)
        self._delivered = delivered
        self._then_closed = then_closed
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.cuts = 0
        self._ends: list[socket.socket] = []
        self.url = parts._replace(
            netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self._listener.getsockname()[1]}"
        ).geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.cuts and self._then_closed:
                    client.close()
                    continue
                server = socket.create_connection(self._server)
                self._ends += [client, server]
                threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        writes = False
        with suppress(OSError):
            while data := client.recv(65536):
                writes = writes or b"INSERT INTO wharf.uploads" in data
                if writes and b"COMMIT" in data and not self.cuts:
                    self._cut(client, server, data)
                    return
                server.sendall(data)
        server.close()

    def _cut(self, client: socket.socket, server: socket.socket, commit: bytes) -> None:
        self.cuts += 1
        # The client must not hear the answer: only its connection's end.
        client.shutdown(socket.SHUT_WR)
        if self._delivered:
            server.sendall(commit)
            server.shutdown(socket.SHUT_WR)
        else:
            server.shutdown(socket.SHUT_RDWR)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)


@pytest.fixture
def cut(backend) -> Iterator[Callable[..., Cutter]]:
    """Make ways that break."""
    made: list[Cutter] = []

    def make(*, delivered: bool, then_closed: bool = False) -> Cutter:
        made.append(Cutter(backend.app_url, delivered=delivered, then_closed=then_closed))
        return made[-1]

    yield make
    for cutter in made:
        cutter.close()


def places(gateway) -> list[str]:
    return [path.name for path in gateway.stored()]


def test_a_commit_whose_answer_was_lost_keeps_its_file(tenant, serve, cut, eventually):
    """The rows are there: so is the object. The client is told to come again, and under its key finds the same job."""
    way = cut(delivered=True)
    gateway = serve(WHARF_DATABASE_URL=way.url)
    headers = {"Idempotency-Key": "order-1"}
    with tenant.client(url=gateway.url) as client:
        lost = client.post("/api/v1/uploads", files=FILE, headers=headers)
        assert way.cuts == 1
        assert (lost.status_code, lost.json()["code"]) == (503, "ledger_unavailable")
        eventually(lambda: tenant.count("jobs") == 1, "the commit")
        (upload,) = tenant.execute("SELECT id FROM wharf.uploads")
        assert places(gateway) == [str(upload["id"])]
        again = client.post("/api/v1/uploads", files=FILE, headers=headers)
    assert (again.status_code, again.headers["idempotent-replay"]) == (202, "true")
    assert again.json()["upload_id"] == str(upload["id"])
    assert (tenant.count("jobs"), places(gateway)) == (1, [str(upload["id"])])


def test_a_commit_that_never_arrived_leaves_no_file(tenant, serve, cut):
    """No row will ever name the object: it is deleted, and the same request is done anew."""
    way = cut(delivered=False)
    gateway = serve(WHARF_DATABASE_URL=way.url)
    headers = {"Idempotency-Key": "order-1"}
    with tenant.client(url=gateway.url) as client:
        assert client.post("/api/v1/uploads", files=FILE, headers=headers).status_code == 503
        assert way.cuts == 1
        assert (tenant.count("uploads"), places(gateway)) == (0, [])
        again = client.post("/api/v1/uploads", files=FILE, headers=headers)
    assert (again.status_code, "idempotent-replay" in again.headers) == (202, False)
    assert places(gateway) == [again.json()["upload_id"]]


def test_when_nobody_can_tell_the_file_stays(tenant, serve, cut):
    """The ledger is away altogether: a file too many is better than a job without one, and the log names it."""
    way = cut(delivered=True, then_closed=True)
    gateway = serve(WHARF_DATABASE_URL=way.url)
    with tenant.client(url=gateway.url) as client, structlog.testing.capture_logs() as lines:
        assert client.post("/api/v1/uploads", files=FILE).status_code == 503
    (kept,) = places(gateway)
    (told,) = [line for line in lines if line["event"] == "upload.orphaned"]
    assert told["storage_key"].endswith(kept)
