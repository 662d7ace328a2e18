"""Requests that may come again: under the same `Idempotency-Key` the same answer, and nothing is done twice.

The key is kept by the transaction that does the work, as its last statement: of two requests at once the second one
waits there for the first one's commit, and then takes its own work back. A request that fails keeps no key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from fastapi import FastAPI, Header, Request
from pydantic import BaseModel
from sqlalchemy import Connection, Row, select, text
from starlette.responses import Response

from wharf.common.errors import Conflict
from wharf.common.ledger.database import dumps
from wharf.common.ledger.models import Answer

T = TypeVar("T")
LONGEST = 255
REPLAYED = {"Idempotent-Replay": "true"}
KEEP = text("""
    INSERT INTO wharf.idempotency AS kept (tenant_id, key, fingerprint, answer)
    VALUES (:tenant_id, :key, :fingerprint, CAST(:answer AS jsonb))
    ON CONFLICT (tenant_id, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = excluded.created_at
        WHERE kept.created_at < now() - interval '24 hours'
    RETURNING true
""")
PATIENCE = text("SET LOCAL lock_timeout = '10s'")
"""The first request's connection may be lost without its server knowing: then the second one is told to come later."""
Key = Annotated[
    str | None,
    Header(
        alias="idempotency-key",
        min_length=1,
        max_length=LONGEST,
        pattern=r"^[\x21-\x7e]+$",
        description="The same request under the same key within 24 hours gets the same answer, and is done once.",
    ),
]
"""What the client calls its request, as a parameter of a route."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole: it has to be the same one again, to the byte."""

    status: int
    body: str
    location: str

    @classmethod
    def of(cls, status: int, model: BaseModel, location: str) -> Reply:
        """That model as JSON."""
        return cls(status, model.model_dump_json(), location)

    def response(self, **headers: str) -> Response:
        """As it is sent."""
        return Response(self.body, self.status, {"Location": self.location} | headers, "application/json")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A request that may come again: what its client calls it, and a hash of all that it asks for."""

    tenant_id: UUID
    key: str
    fingerprint: bytes


class AnsweredBefore(Exception):
    """The same request was answered within the last 24 hours: `reply` is what it was told."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def stamp(tenant_id: UUID, key: str | None, *asked: object) -> Stamp | None:
    """A request's stamp; None where the client gave no key. `asked` is JSON: the route and all that it was given."""
    if key is None:
        return None
    return Stamp(tenant_id, key, hashlib.sha256(orjson.dumps(asked, default=str, option=orjson.OPT_SORT_KEYS)).digest())


def sealing(stamped: Stamp | None, reply_of: Callable[[T], Reply]) -> Callable[[Connection, T], None]:
    """What has to be the last step of the transaction that does the work: keeps the answer to it."""

    def seal(connection: Connection, made: T) -> None:
        if stamped is not None:
            keep(connection, stamped, reply_of(made))

    return seal


def keep(connection: Connection, stamped: Stamp, reply: Reply) -> None:
    """Keep an answer. Raises `AnsweredBefore`, or `Conflict` where the key stands for another request."""
    connection.execute(PATIENCE)
    if connection.execute(KEEP, asdict(stamped) | {"answer": dumps(asdict(reply))}).scalar():
        return
    earlier = _kept(connection, stamped)
    if earlier.fingerprint != stamped.fingerprint:
        message = "This Idempotency-Key came with another request within the last 24 hours. Take a new one."
        raise Conflict(message, code="idempotency_key_reused")
    raise AnsweredBefore(Reply(**earlier.answer))


def _kept(connection: Connection, stamped: Stamp) -> Row[bytes, dict[str, Any]]:
    query = select(Answer.fingerprint, Answer.answer)
    return connection.execute(query.where(Answer.tenant_id == stamped.tenant_id, Answer.key == stamped.key)).one()


def install(app: FastAPI) -> None:
    """Let a request that was answered before leave with that answer."""
    app.add_exception_handler(AnsweredBefore, _again)


async def _again(_request: Request, error: Exception) -> Response:
    if not isinstance(error, AnsweredBefore):
        raise error
    return error.reply.response(**REPLAYED)
