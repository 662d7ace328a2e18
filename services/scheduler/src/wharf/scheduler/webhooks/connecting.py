"""Connections to receivers: the address that is connected to is the one that was checked.

A name is resolved here, its addresses are judged, and one of them is connected to: nobody resolves it a second time in
between. What is said over the connection (SNI, the certificate's name, `Host`) is the name all the same.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpcore

from wharf.common.webhooks import Network, is_refused

MOST = 4
"""Addresses of a name that are tried."""
Options = Iterable[httpcore.SOCKET_OPTION]


class AddressRefused(Exception):
    """The name leads to no address that may be connected to."""


class NameUnknown(Exception):
    """The name leads nowhere."""


@dataclass(frozen=True)
class Closing(httpcore.AsyncNetworkStream):
    """A stream that is closed when its TLS is given up: httpcore leaves it open when it is cancelled there."""

    inner: httpcore.AsyncNetworkStream

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface is httpcore's
    ) -> httpcore.AsyncNetworkStream:
        """As httpcore wants it."""
        try:
            return await self.inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self.inner.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        """As httpcore wants it."""
        return await self.inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        """As httpcore wants it."""
        await self.inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """As httpcore wants it."""
        await self.inner.aclose()

    def get_extra_info(self, info: str) -> object:
        """As httpcore wants it."""
        return self.inner.get_extra_info(info)


@dataclass(frozen=True)
class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses, and to those of networks that are allowed."""

    allowed: Sequence[Network] = ()
    inner: httpcore.AsyncNetworkBackend = field(default_factory=httpcore.AnyIOBackend)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface is httpcore's
        local_address: str | None = None,
        socket_options: Options | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """As httpcore wants it; raises `AddressRefused`, `NameUnknown`, or what the last address raised."""
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in (await self._addresses(host, port))[:MOST]:
            try:
                return Closing(await self.inner.connect_tcp(address, port, timeout, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or NameUnknown

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Those that may be connected to; raises where there are none."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NameUnknown from error
        addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
        if allowed := [one for one in addresses if not is_refused(ip_address(one), self.allowed)]:
            return allowed
        raise AddressRefused if addresses else NameUnknown

    async def sleep(self, seconds: float) -> None:
        """As httpcore wants it."""
        await self.inner.sleep(seconds)
