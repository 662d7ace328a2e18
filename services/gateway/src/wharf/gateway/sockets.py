"""Sockets: who may open one, what goes through it, with which code it is closed.

A client that brings no key with the handshake (browsers cannot) sends `{"type": "auth", "key": "wk_…"}` first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from wharf.common.access import Role
from wharf.common.clock import new_id
from wharf.common.errors import Forbidden, Invalid, NotFound, Transient, Unauthorized, WharfError
from wharf.common.logs import get_logger
from wharf.gateway.authentication import Member, allow, authenticate, is_foreign, key_of, living_key, member
from wharf.gateway.events import Item
from wharf.gateway.problems import ProblemDocument, problem_of
from wharf.gateway.resources import Resources
from wharf.gateway.streams import Ending, Stream

REASON_CHARACTERS = 100
"""A close frame has room for 123 bytes."""


class Code(IntEnum):
    """With which code a socket is closed."""

    ENDED = 1000
    FAILED = 1011
    RESTART = 1012
    LATER = 1013
    INVALID = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    NOT_FOUND = 4404


CODES: dict[type[WharfError], Code] = {
    Unauthorized: Code.UNAUTHORIZED,
    Forbidden: Code.FORBIDDEN,
    NotFound: Code.NOT_FOUND,
    Invalid: Code.INVALID,
    Transient: Code.LATER,
}
ENDINGS: dict[Ending, tuple[Code, str]] = {
    Ending.JOB_ENDED: (Code.ENDED, "The job has ended."),
    Ending.KEY_ENDED: (Code.UNAUTHORIZED, "The key is no longer valid."),
    Ending.STOPPED: (Code.RESTART, "The server stops. Connect again."),
}


@dataclass(frozen=True, slots=True)
class Show:
    """What a socket shows: of which job (None: of all that the key may see), and how an item is written (or not)."""

    find: Callable[[Connection, Member], UUID | None]
    write: Callable[[Item], bytes | None]
    clients: bool = False
    """Whether it stands under the installation's legacy key where no key is brought."""


async def attend(websocket: WebSocket, resources: Resources, show: Callable[[], Show]) -> None:
    """Serve one socket to its end."""
    refusal = _refusal(websocket, resources)
    if refusal is not None:
        await websocket.send_denial_response(refusal.response())
        return
    await websocket.accept()
    structlog.contextvars.clear_contextvars()
    with structlog.contextvars.bound_contextvars(request_id=str(new_id())), suppress(WebSocketDisconnect):
        code, reason = await _outcome(websocket, resources, show)
        get_logger().info("socket.closed", code=code.value, route=_route(websocket))
        await websocket.close(code, reason[:REASON_CHARACTERS])


def _route(websocket: WebSocket) -> str:
    return getattr(websocket.scope.get("route"), "path", "unmatched")


def _refusal(websocket: WebSocket, resources: Resources) -> ProblemDocument | None:
    """What is refused before there is a socket: pages of other sites, and clients for which there is no room."""
    if is_foreign(websocket):
        message = "A page of another site may not open a socket here."
        return ProblemDocument(HTTPStatus.FORBIDDEN, "foreign_origin", message)
    try:
        resources.events.check_room()
    except Transient as error:
        return problem_of(error)
    return None


async def _outcome(websocket: WebSocket, resources: Resources, show: Callable[[], Show]) -> tuple[Code, str]:
    try:
        return ENDINGS[await _Conversation(websocket, resources, show()).hold()]
    except WharfError as error:
        return next((CODES[k] for k in type(error).__mro__ if k in CODES), Code.FAILED), error.message
    except (DBAPIError, PoolTimeout) as error:
        get_logger().warning("ledger.unavailable", error=type(error).__name__)
        return Code.LATER, "The ledger does not answer right now. Try again in a few seconds."


class _Conversation:
    """One client: it says who it is, then it is told."""

    def __init__(self, websocket: WebSocket, resources: Resources, show: Show) -> None:
        self._websocket = websocket
        self._resources = resources
        self._show = show

    async def hold(self) -> Ending:
        """Tell, until there is nothing more to tell; raises `WebSocketDisconnect` when the client goes away."""
        key = await self._brought()
        lent = self._resources.legacy_key if self._show.clients and key is None else None
        key = key or lent or await self._first_message()
        while True:
            stream = await self._open(key)
            listening = asyncio.create_task(self._listen(wanted=lent is not None))
            telling = asyncio.create_task(self._tell(stream))
            try:
                await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
                if not listening.done():
                    return telling.result()
                # A client that stood under the legacy key has told its own: from here on it stands under that.
                key, lent = listening.result(), None
            finally:
                for task in (listening, telling):
                    task.cancel()
                await asyncio.gather(listening, telling, return_exceptions=True)

    async def _brought(self) -> str | None:
        """What came with the handshake; the clients' pages go on under the legacy key where a session has ended."""
        if self._show.clients:
            return await living_key(self._resources, self._websocket)
        return key_of(self._websocket)

    async def _first_message(self) -> str:
        """The key that the client sends first; raises `Unauthorized` for anything else, and when nothing comes."""
        with self._resources.events.at_the_door():
            try:
                async with asyncio.timeout(self._resources.settings.events_auth_seconds):
                    key = _key_in(await self._receive())
            except TimeoutError:
                key = None
        if key is None:
            message = 'Send {"type": "auth", "key": "<key>"} as the first message.'
            raise Unauthorized(message)
        return key

    async def _open(self, key: str) -> Stream:
        caller = await authenticate(self._resources, key)
        who = member(allow(caller, Role.VIEWER))
        job_id = await run_in_threadpool(self._find, who)
        self._resources.events.check_room()
        return Stream(self._resources, who, job_id, key=key)

    def _find(self, who: Member) -> UUID | None:
        with self._resources.database.tenant(who.tenant_id) as connection:
            return self._show.find(connection, who)

    async def _tell(self, stream: Stream) -> Ending:
        # The server's own pings are the signs of life.
        async with aclosing(stream.items()) as batches:
            async for items in batches:
                for message in map(self._show.write, items):
                    if message is not None:
                        await self._websocket.send_text(message.decode())
        return stream.ending

    async def _listen(self, *, wanted: bool) -> str:
        """Notice that the client goes away; a key counts only where it is wanted, anything else is ignored."""
        while True:
            key = _key_in(await self._receive())
            if wanted and key is not None:
                return key

    async def _receive(self) -> Any:  # noqa: ANN401 - whatever a client may send as JSON
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", Code.ENDED))
        try:
            return orjson.loads(message.get("text") or b"")
        except ValueError:
            return None


def _key_in(message: object) -> str | None:
    if not isinstance(message, dict) or message.get("type") != "auth":
        return None
    key = message.get("key")
    return key if isinstance(key, str) else None
