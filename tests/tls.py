"""A server that only has a certificate, for tests of whom a client believes."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress

import trustme

PATIENCE = 10.0
ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")
"""What libpq says first, to ask whether there is TLS."""


class SecuredServer:
    """Keeps what is said to it after the handshake, and hangs up; `names` are those of its certificate."""

    def __init__(self, authority: trustme.CA, *names: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        self.called = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """No more callers."""
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._hear(self._listener.accept()[0])
                self.called.set()

    def _hear(self, caller: socket.socket) -> None:
        caller.settimeout(PATIENCE)
        with suppress(OSError), caller:
            if caller.recv(len(ASKS_FOR_TLS), socket.MSG_PEEK) == ASKS_FOR_TLS:
                caller.recv(len(ASKS_FOR_TLS))
                caller.sendall(b"S")
            with self._context.wrap_socket(caller, server_side=True) as secured:
                self.heard += secured.recv(100)
