"""One message to one receiver: where it is connected to, what is said, and what counts as what."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import httpcore
import pytest

from wharf.common.clock import new_id
from wharf.common.webhooks import networks, new_secret
from wharf.scheduler.webhooks.connecting import AddressRefused, CheckedBackend, NameUnknown
from wharf.scheduler.webhooks.receiver import MOST_BYTES, Message, Receivers

LOCAL = networks("127.0.0.1/32")
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Recording(httpcore.AsyncNetworkBackend):
    """A network in which every address answers, and which tells what was asked of it."""

    def __init__(self, *away: str) -> None:
        self.connected: list[str] = []
        self.named: list[str | None] = []
        self.said = b""
        self.away = away

    async def connect_tcp(self, host: str, *_rest: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        if host in self.away:
            raise httpcore.ConnectError
        return Spoken(self)


class Spoken(httpcore.AsyncMockStream):
    def __init__(self, network: Recording) -> None:
        super().__init__([OK])
        self.network = network

    async def start_tls(self, _context: ssl.SSLContext, server_hostname: str | None = None, *_rest: Any):
        self.network.named.append(server_hostname)
        return self

    async def write(self, buffer: bytes, **_rest: Any) -> None:
        self.network.said += buffer


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name lead there."""

    async def answer(_loop: object, _host: str, port: int, **_rest: object) -> list[Any]:
        return [(None, None, None, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", answer)


def message(url: str, *secrets: str) -> Message:
    return Message(new_id(), 1, 0, {"type": "job.completed", "data": {}}, url, secrets or (new_secret(),))


async def connect(network: Recording, url: str = "https://hooks.example.org/in", **checked: Any) -> None:
    backend = CheckedBackend(inner=network, **checked)
    async with httpcore.AsyncConnectionPool(network_backend=backend) as pool:
        await pool.request("POST", url)


async def test_the_address_that_was_checked_is_connected_to_under_the_name(monkeypatch):
    """Nothing resolves the name a second time; SNI, certificate and Host are the name's."""
    resolving(monkeypatch, "93.184.215.14")
    network = Recording()
    await connect(network)
    assert (network.connected, network.named) == (["93.184.215.14"], ["hooks.example.org"])
    assert b"Host: hooks.example.org\r\n" in network.said


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "100.64.1.1", "::1", "fd00::1"])
async def test_a_name_that_leads_to_no_public_address_is_not_connected_to(monkeypatch, address):
    """However innocent the name."""
    resolving(monkeypatch, address)
    network = Recording()
    with pytest.raises(AddressRefused):
        await connect(network)
    assert network.connected == []


async def test_of_several_addresses_only_public_ones_are_tried(monkeypatch):
    """In their order, until one answers."""
    resolving(monkeypatch, "10.0.0.1", "1.1.1.1", "127.0.0.1", "1.0.0.1", "8.8.8.8")
    network = Recording("1.1.1.1")
    await connect(network)
    assert network.connected == ["1.1.1.1", "1.0.0.1"]


async def test_a_network_that_is_allowed_is_connected_to(monkeypatch):
    """By the installation's own setting."""
    resolving(monkeypatch, "10.0.0.7")
    network = Recording()
    await connect(network, allowed=networks("10.0.0.0/8"))
    assert network.connected == ["10.0.0.7"]


async def test_a_name_without_addresses_is_unknown(monkeypatch):
    """And nothing is connected to."""
    resolving(monkeypatch)
    with pytest.raises(NameUnknown):
        await connect(Recording())


async def request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def receiver(answer: bytes, *, hold: bool = False, deaf: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that says that to everybody, perhaps without having heard anything, and perhaps then holds the line."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            heard.append(await request(reader) if not deaf else await reader.readexactly(1))
            writer.write(answer)
            await writer.drain()
            if hold:
                await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in?a=b", heard


async def sent(url: str, seconds: float = 10.0, allowed: Any = LOCAL, **more: Any) -> Any:
    receivers = Receivers(seconds=seconds, allowed=allowed)
    outcome = await receivers.send(more.get("message") or message(url))
    await receivers.close()
    return outcome


async def test_a_receiver_can_check_who_sent_the_message_and_when():
    """Id, time and body are signed by each secret, as Standard Webhooks has it."""
    secrets = (new_secret(), new_secret())
    async with receiver(OK) as (url, heard):
        sending = message(url, *secrets)
        assert (await sent(url, message=sending)).code is None
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert json.loads(body) == sending.body
    assert head.startswith(b"POST /in?a=b HTTP/1.1")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert headers["webhook-id"] == str(sending.id)
    signed = f"{sending.id}.{headers['webhook-timestamp']}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    expected = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    assert headers["webhook-signature"] == " ".join(f"v1,{one}" for one in expected)


@pytest.mark.parametrize(
    ("answer", "code", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None, 200),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "redirected", 302),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "answered_with_error", 500),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", "answered_with_error", 410),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "bad_answer", None),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", "bad_answer", None),
        (b"", "bad_answer", None),
    ],
)
async def test_only_a_plain_success_is_one(answer, code, status):
    """A redirection is not followed; what is no HTTP, or too long a head of it, is no answer."""
    async with receiver(answer) as (url, heard):
        outcome = await sent(url)
    assert (outcome.code, outcome.status, len(heard)) == (code, status, 1)
    assert (outcome.message is None) == (code is None)


async def test_an_answer_without_end_is_not_read_to_its_end():
    """A little more than is wanted, and the line is let go: here it would never end by itself."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    async with receiver(head + chunk * (MOST_BYTES // 0x10000 + 1), hold=True) as (url, _):
        assert (await sent(url)).code is None


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na"])
async def test_a_slow_receiver_has_its_time_and_no_more(answer):
    """Wherever it stops."""
    async with receiver(answer, hold=True) as (url, _):
        assert (await sent(url, seconds=0.2)).code == "timed_out"


@pytest.mark.parametrize(("said", "wait"), [(b"120", 120.0), (b"99999999", 86_400.0), (b"soon", 0.0)])
async def test_a_receiver_may_say_when_to_come_again(said, wait):
    """In seconds, within a day."""
    answer = b"HTTP/1.1 503 Busy\r\nRetry-After: " + said + b"\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answer) as (url, _):
        assert (await sent(url)).wait == wait


async def test_what_cannot_be_reached_is_told_by_its_cause():
    """Nobody speaks TLS; the network is not allowed; nobody listens."""
    async with receiver(b"no TLS", deaf=True) as (url, heard):
        assert (await sent(url.replace("http:", "https:"))).code == "tls_failed"
        assert (await sent(url, allowed=())).code == "address_not_allowed"
    assert len(heard) == 1
    assert (await sent(url)).code == "not_connected"


async def test_a_handshake_that_does_not_end_is_let_go():
    """With its connection: one that stays open would be a warning here."""
    async with receiver(b"", hold=True, deaf=True) as (url, _):
        assert (await sent(url.replace("http:", "https:"), seconds=0.2)).code == "timed_out"
