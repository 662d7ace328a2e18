"""Free TCP ports on 127.0.0.1, the same ones again at the next start where nobody took them."""

from __future__ import annotations

import json
import random
import socket
from contextlib import suppress
from pathlib import Path

from wharf.local.failure import StartFailed
from wharf.local.private import write_private

HOST = "127.0.0.1"
POOL = range(20_000, 32_000)
"""Below every system's ephemeral range: there, a client that keeps trying a stopped server can get the server's own
port as its source, connects to itself, and the server cannot start again."""
GATEWAY_DEFAULT = 8000
HIGHEST = 65_535


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return not _answers(port)


def _answers(port: int) -> bool:
    """Whether somebody listens on all addresses: some systems let us bind a single one beside it."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


class Ports:
    """The ports of one stack by the name of who listens there, kept in the file `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: dict[str, int] = {}
        self._given: dict[str, int] = {}
        with suppress(FileNotFoundError, ValueError):
            self._last = dict(json.loads(path.read_text(encoding="utf-8")))

    def pick(self, name: str) -> int:
        """A free port for `name`: the last one where it is free, else a new one."""
        last = self._last.get(name)
        return self._give(name, last if last is not None and self._usable(last) else self._new())

    def replace(self, name: str) -> int:
        """Another port for `name`: somebody took the one that it had before it could listen."""
        return self._give(name, self._new())

    def gateway(self, asked: int | None) -> int:
        """The gateway's port: `asked`; 0 for any; None for 8000 or the next free one.

        Raises `StartFailed` where a port was asked for and is taken.
        """
        if asked == 0:
            return self.pick("gateway")
        if asked is None:
            return self._give("gateway", next(filter(self._usable, range(GATEWAY_DEFAULT, HIGHEST))))
        if not is_free(asked):
            message = f"Port {asked} is taken by another program: choose another --port, or 0 for any free one."
            raise StartFailed(message, code="port_taken")
        return self._give("gateway", asked)

    def _give(self, name: str, port: int) -> int:
        self._given[name] = port
        self._last[name] = port
        write_private(self._path, json.dumps(self._last, indent=2))
        return port

    def _usable(self, port: int) -> bool:
        return port not in self._given.values() and is_free(port)

    def _new(self) -> int:
        pool = random.sample(POOL, k=len(POOL))
        return next(filter(self._usable, (port for port in pool if port not in self._last.values())))
