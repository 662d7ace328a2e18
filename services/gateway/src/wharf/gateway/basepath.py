"""Below a path of somebody's host (`https://tools.example.org/wharf`): what comes in loses it, what leads back has it.

Everything between, from routes to log lines, knows nothing of it. Pure ASGI, as `requests` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEADING: Final = ("location", "hx-redirect")
"""Headers that lead a client to another page."""


@dataclass(frozen=True)
class BasePath:
    """Serves `app` below `base` (`/wharf`), and without it too: some proxies take the path away, probes know none."""

    app: ASGIApp
    base: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as if it had come to a host of its own."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return

        async def send_beneath(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._lead_beneath(Headers(scope=scope).get("host", ""), MutableHeaders(scope=message))
            await send(message)

        await self.app({**scope, **self._within(scope["path"])}, receive, send_beneath)

    def _within(self, path: str) -> Scope:
        if path == self.base or path.startswith(f"{self.base}/"):
            path = path.removeprefix(self.base) or "/"
        return {"path": path, "root_path": self.base}

    def _lead_beneath(self, host: str, headers: MutableHeaders) -> None:
        for name in LEADING:
            if name in headers:
                headers[name] = self._beneath(host, headers[name])

    def _beneath(self, host: str, place: str) -> str:
        """Where it leads to a path of ours: that path, below the base."""
        parts = urlsplit(place)
        ours = parts.path.startswith("/") and parts.netloc in {"", host}
        return parts._replace(path=self.base + parts.path).geturl() if ours else place
