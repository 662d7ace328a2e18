"""Requests to one gateway with one key: what it answers, page by page, and again where that does no harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from wharf.client.answers import refuse_errors, unreachable
from wharf.client.failure import ClientError

Document = dict[str, Any]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PAGE = 1000
PAUSES = (0.2, 1.0)
"""Seconds before a request that did not come through is sent again."""
BROKEN = frozenset({"unreachable", "connection_broken"})
AWAY = frozenset({502, 503, 504})


class Calls:
    """One client may be used by several threads. All methods raise `ClientError`."""

    def __init__(self, url: str, key: str, *, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(timeout, connect=5.0),
            # A proxy of the environment has another loopback than we.
            trust_env=urlsplit(self.url).hostname not in LOOPBACK,
            # Without TLS no certificates are read, which takes as long as all else that a command does before it asks.
            verify=urlsplit(self.url).scheme != "http",
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _items(self, path: str, filters: Mapping[str, str | None], limit: int | None) -> Iterator[Document]:
        """Yield the items of a list, page by page, at most `limit`."""
        wanted = {name: value for name, value in filters.items() if value is not None}
        cursor: str | None = None
        left = limit if limit is not None else float("inf")
        while left > 0:
            page = self._call("GET", path, params=wanted | {"limit": str(min(left, PAGE))} | _at(cursor))
            for item in page.get("items", [])[: int(min(left, PAGE))]:
                left -= 1
                yield item
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def _call(self, method: str, path: str, **request: Any) -> Document:  # noqa: ANN401 - httpx's own parameters
        try:
            response = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error
        refuse_errors(response)
        document = _parsed(response)
        return document if isinstance(document, dict) else {"items": document}

    def _save(self, path: str, file: Path) -> int:
        """Write an answer's bytes into a file as they come; returns how many."""
        try:
            with self._http.stream("GET", path) as response:
                if not response.is_success:
                    response.read()
                    refuse_errors(response)
                with file.open("wb") as out:
                    return sum(out.write(chunk) for chunk in response.iter_bytes())
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error
        except OSError as error:
            raise ClientError(f"{file} cannot be written: {error.strerror}.", code="not_writable") from error


def insistently(send: Callable[[], Document]) -> Document:
    """What `send` gives, sent again after `PAUSES` where it did not come through; it has to bear being repeated."""
    for pause in PAUSES:
        try:
            return send()
        except ClientError as error:
            if error.code not in BROKEN and error.status not in AWAY:
                raise
        time.sleep(pause)
    return send()


def _parsed(response: httpx.Response) -> Any:  # noqa: ANN401 - JSON may be anything
    try:
        return response.json() if response.content else {}
    except ValueError as error:
        message = f"{response.url} answered something that is not Wharf's. Check WHARF_URL."
        raise ClientError(message, code="not_wharf", status=response.status_code) from error


def _at(cursor: str | None) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}
