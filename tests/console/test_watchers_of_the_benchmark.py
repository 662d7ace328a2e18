"""Who is said to watch beside a measurement watches: no server but a small one that answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import console
from wharf.local.connection import Connection
from wharf.local.trial import eventually

asked: list[str | None] = []


@contextmanager
def server(status: int, *, keeps: bool = True) -> Iterator[Connection]:
    """It answers with that status, and keeps the streams open until the end, or closes them."""
    over = threading.Event()
    asked.clear()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            over.wait() if keeps else None

        def log_message(self, *_: object) -> None:
            """It is not worth a line."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield Connection(f"http://127.0.0.1:{listening.server_port}", "key", "", "", "")
        finally:
            over.set()
            listening.shutdown()


def still_there() -> bool:
    return any(thread.name == console.THREAD for thread in threading.enumerate())


def test_all_of_them_watch_until_the_end() -> None:
    """Each has been let in before anything is measured, and the thread ends with them."""
    with server(200) as connection:
        with console.watching(connection, 3) as watch:
            assert asked == ["Bearer key"] * 3
            assert not watch.done()
        assert not still_there()


def test_who_is_refused_fails_the_measurement() -> None:
    """With what was answered: fewer watchers would be another figure."""
    with server(429) as connection, pytest.raises(RuntimeError, match="429"), console.watching(connection, 3):
        pytest.fail("measured")
    assert not still_there()


def test_who_gets_no_answer_in_time_fails_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not begin with those that are there so far."""
    monkeypatch.setattr(console, "OPEN_WITHIN", 0.0)
    with server(200) as connection, pytest.raises(TimeoutError), console.watching(connection, 1):
        pytest.fail("measured")
    assert not still_there()


def test_a_stream_that_ends_too_early_fails_the_measurement() -> None:
    """Even where all have been let in."""
    with (
        server(200, keeps=False) as connection,
        pytest.raises(RuntimeError, match="ended before"),
        console.watching(connection, 2) as watch,
    ):
        eventually(watch.done, "the end of a stream")
    assert not still_there()


def test_a_measurement_that_fails_leaves_no_thread() -> None:
    """Its own error is what is told."""
    with server(200) as connection, pytest.raises(ZeroDivisionError), console.watching(connection, 2):
        raise ZeroDivisionError
    assert not still_there()
