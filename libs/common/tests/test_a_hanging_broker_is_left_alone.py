from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from wharf.common.doorbell import PAUSE_SECONDS, Doorbell
from wharf.common.queues import Priority
from wharf.common.runtime.celery import celery_app


class Silence:
    """A server that accepts every connection and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.callers: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.callers.append(self._listener.accept()[0])

    def close(self) -> None:
        self._listener.close()
        for caller in self.callers:
            caller.close()


@pytest.fixture
def silence() -> Iterator[Silence]:
    server = Silence()
    yield server
    server.close()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("scheme", ["redis://:secret", "amqp://guest:guest"])
def test_nobody_waits_for_a_broker_that_hangs(silence: Silence, scheme: str) -> None:
    """The first ring fails, those that follow do not even call; a question about a queue has no answer."""
    doorbell = Doorbell(celery_app("test", f"{scheme}@127.0.0.1:{silence.port}/"))
    assert not doorbell.ring(uuid4(), 1, "echo", "maintenance", Priority.NORMAL)
    called = len(silence.callers)
    assert called
    for _ in range(50):
        assert not doorbell.ring(uuid4(), 1, "echo", "maintenance", Priority.NORMAL)
    assert len(silence.callers) == called
    assert doorbell.waiting("maintenance") is None


@pytest.mark.timeout(30)
def test_the_broker_is_tried_again_after_a_while(silence: Silence, monkeypatch: pytest.MonkeyPatch) -> None:
    """The silence is short."""
    monkeypatch.setattr("wharf.common.doorbell.PAUSE_SECONDS", 0.0)
    assert PAUSE_SECONDS > 0
    doorbell = Doorbell(celery_app("test", f"redis://127.0.0.1:{silence.port}/"))
    assert not doorbell.ring(uuid4(), 1, "echo", "maintenance", Priority.NORMAL)
    called = len(silence.callers)
    assert not doorbell.ring(uuid4(), 1, "echo", "maintenance", Priority.NORMAL)
    assert len(silence.callers) > called
