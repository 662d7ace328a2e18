"""A TCP proxy that can be as bad as a network: it drops, delays, swallows.

One event loop in a thread of its own carries any number of proxies.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from wharf.local.ports import HOST

CHUNK = 2**18
START_SECONDS = 10.0
LINGER_NOT = struct.pack("ii", 1, 0)
"""Closing a socket with this sends RST, as a machine does that has lost power and came back."""


class Mode(StrEnum):
    """What happens to bytes."""

    PASS = "pass"
    DROP = "drop"
    """Connections are reset, new ones at once."""
    DELAY = "delay"
    """Every piece comes late."""
    SWALLOW = "swallow"
    """Half open: connections are taken and stay, nothing comes through."""


class Network:
    """The loop in which proxies live; `with Network() as network: network.proxy(listen, target)`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._proxies: list[Proxy] = []

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End all connections and the thread."""
        for proxy in self._proxies:
            self.run(proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    def proxy(self, listen: int, target: int) -> Proxy:
        """Carry connections to `listen` on to `target`, both ports of this machine."""
        proxy = Proxy(self, target)
        self.run(proxy.open(listen))
        self._proxies.append(proxy)
        return proxy

    def run(self, what: Coroutine[Any, Any, None]) -> None:
        """Do something in the loop and wait for it."""
        asyncio.run_coroutine_threadsafe(what, self._loop).result(START_SECONDS)


class Proxy:
    """One way to one server. `set` may be called from any thread."""

    def __init__(self, network: Network, target: int) -> None:
        self.mode = Mode.PASS
        self.delay = 0.0
        self._network = network
        self._target = target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """Sockets that are open now, two for each connection."""
        return len(self._open)

    async def open(self, listen: int) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._carry, HOST, listen, limit=CHUNK)

    async def close(self) -> None:
        """Stop listening and reset what is open."""
        if self._server is not None:
            self._server.close()
        self._reset()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # The transports tell of their end in the loop's next round.
        await asyncio.sleep(0)

    def set(self, mode: Mode, delay: float = 0.0) -> None:
        """From now on be like that; `delay` is in seconds for each piece and each way."""
        self._network.run(self._set(mode, delay))

    async def _set(self, mode: Mode, delay: float) -> None:
        # What was swallowed is gone: a stream with a hole in it must not go on.
        if mode is Mode.DROP or self.mode is Mode.SWALLOW:
            self._reset()
        self.mode, self.delay = mode, delay

    def _reset(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            await self._connect(reader, writer)
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.DROP:
            _reset(writer)
            return
        if self.mode is Mode.SWALLOW:
            await self._silence(reader)
            return
        with suppress(OSError):
            there, onwards = await asyncio.open_connection(HOST, self._target, limit=CHUNK)
            self._open.add(onwards)
            try:
                await self._both_ways((reader, onwards), (there, writer))
            finally:
                self._open.discard(onwards)
                onwards.close()

    @staticmethod
    async def _silence(reader: asyncio.StreamReader) -> None:
        """Take and never answer, until the client goes or the connection is reset."""
        with suppress(OSError):
            while await reader.read(CHUNK):
                pass

    async def _both_ways(self, *ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        tasks = [asyncio.ensure_future(self._pump(*way)) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.mode is Mode.DELAY:
                    await asyncio.sleep(self.delay)
                if self.mode is not Mode.SWALLOW:
                    writer.write(data)
                    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    found = writer.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    writer.transport.abort()
