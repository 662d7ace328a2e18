"""One message to one receiver, and what came of it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from uuid import UUID

import httpcore
import orjson

from wharf.common.webhooks import Network, signatures
from wharf.scheduler.webhooks.connecting import AddressRefused, CheckedBackend, NameUnknown

MOST_BYTES = 64 * 2**10
"""Of an answer that are read: nothing in it is needed."""
GONE, SUCCESS, REDIRECTION = 410, range(200, 300), range(300, 400)
LONGEST_WAIT = 86_400.0
AGENT = f"Wharf/{version('wharf-scheduler')}"

SENTENCES = {
    "address_not_allowed": "The name leads to an address that is not public. Who runs this installation can allow it.",
    "name_not_found": "The name leads to no address. Look at how it is spelt, and at its DNS entry.",
    "timed_out": "The receiver did not answer in time. It should answer first, and work afterwards.",
    "tls_failed": "No encrypted connection: the receiver's certificate is not valid for this name, or not known.",
    "not_connected": "The receiver could not be connected to, or ended the connection.",
    "bad_answer": "What the receiver answered is not HTTP.",
    "redirected": "The receiver answered with a redirection, and none is followed. Change the webhook's address.",
    "answered_with_error": "The receiver answered with an error.",
    "failed": "The message could not be sent. This is a mistake in Wharf: tell those who run it the delivery's id.",
}
"""What the log says, by code."""
CODES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((TimeoutError, httpcore.TimeoutException), "timed_out"),
    ((AddressRefused,), "address_not_allowed"),
    ((NameUnknown,), "name_not_found"),
    ((httpcore.NetworkError, OSError), "not_connected"),
    ((httpcore.ProtocolError, httpcore.UnsupportedProtocol), "bad_answer"),
)
"""What a receiver can cause; the first that fits holds."""
FAILURES = tuple(kind for kinds, _ in CODES for kind in kinds)


@dataclass(frozen=True)
class Message:
    """A delivery that was taken. `failures`: of the tries before."""

    id: UUID
    attempt: int
    failures: int
    body: Mapping[str, Any]
    url: str
    secrets: Sequence[str]


@dataclass(frozen=True)
class Outcome:
    """What came of a try. `code` is None for a success; `wait` are the seconds that the receiver asked for."""

    code: str | None
    status: int | None = None
    wait: float = 0.0

    @property
    def message(self) -> str | None:
        """The code as a sentence."""
        return SENTENCES[self.code] if self.code else None


class Receivers:
    """All receivers, over connections of which each serves one message. `seconds` is how long a try may take in all."""

    def __init__(self, *, seconds: float, allowed: Sequence[Network] = (), most: int = 32) -> None:
        context = httpcore.default_ssl_context()
        # Certificates that the machine trusts, too (SSL_CERT_FILE): receivers may be a company's own.
        context.load_default_certs()
        self._seconds = seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=most,
            max_keepalive_connections=0,
            network_backend=CheckedBackend(allowed),
        )

    async def send(self, message: Message) -> Outcome:
        """Try once. Raises nothing that a receiver could cause."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(message)
        except FAILURES as error:
            return Outcome(_code_of(error))

    async def close(self) -> None:
        """Give the connections back."""
        await self._pool.aclose()

    async def _post(self, message: Message) -> Outcome:
        body = orjson.dumps(message.body)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._seconds)
        request = self._pool.stream(
            "POST", message.url, headers=_headers(message, body), content=body, extensions={"timeout": timeouts}
        )
        async with request as answer:
            await _skim(answer)
        return _judged(answer)


def _headers(message: Message, body: bytes) -> list[tuple[str, str]]:
    now = int(time.time())
    return [
        ("content-type", "application/json"),
        ("user-agent", AGENT),
        ("webhook-id", str(message.id)),
        ("webhook-timestamp", str(now)),
        ("webhook-signature", signatures(message.secrets, str(message.id), now, body)),
    ]


async def _skim(answer: httpcore.Response) -> None:
    """Let a receiver say what it wants to say, within bounds."""
    read = 0
    async for chunk in answer.aiter_stream():
        read += len(chunk)
        if read > MOST_BYTES:
            return


def _judged(answer: httpcore.Response) -> Outcome:
    if answer.status in SUCCESS:
        return Outcome(None, answer.status)
    code = "redirected" if answer.status in REDIRECTION else "answered_with_error"
    return Outcome(code, answer.status, _wait(answer))


def _wait(answer: httpcore.Response) -> float:
    """What `Retry-After` says in seconds; a date is not read."""
    said = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
    return min(float(said), LONGEST_WAIT) if said.isdigit() else 0.0


def _code_of(error: Exception) -> str:
    code = next(code for kinds, code in CODES if isinstance(error, kinds))
    return "tls_failed" if code == "not_connected" and _is_about_tls(error) else code


def _is_about_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
