"""Who calls, and whether their key's role allows it: dependencies for the routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from wharf.common.access import Caller, Role
from wharf.common.errors import Forbidden, NotFound, Unauthorized
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway.resources import Resources, Wired
from wharf.gateway.sessions import is_token, refuse_forged, token_of

BEARER = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer wk_…`")
HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key in a header of its own.")
NO_KEY = "No valid key came with the request. Send one as Authorization: Bearer <key>."


@dataclass(frozen=True, slots=True)
class Member:
    """A caller of one tenant, perhaps bound to one of its projects."""

    key_id: UUID
    role: Role
    tenant_id: UUID
    tenant_name: str
    project_id: str | None

    def sees(self, project_id: str) -> bool:
        """Whether the key may see that project."""
        return self.project_id in {None, project_id}

    def project(self, wanted: str | None) -> str | None:
        """The project to narrow down to; raises `Forbidden` for one that the key may not see."""
        if wanted is not None and not self.sees(wanted):
            message = f"This key is for the project {self.project_id} only."
            raise Forbidden(message, code="wrong_project")
        return wanted or self.project_id


PASSIVE = "x-wharf-passive"
"""A request that a page makes by itself: it keeps no session alive."""


def key_of(connection: HTTPConnection) -> str | None:
    """The key, or else the console's session, that came with a request, if one did."""
    return _brought(connection) or token_of(connection)


def _brought(connection: HTTPConnection) -> str | None:
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return connection.headers.get("x-api-key")


async def living_key(resources: Resources, connection: HTTPConnection) -> str | None:
    """The key, or else the session where it has not ended: what a browser still keeps of one is nobody's."""
    if (key := _brought(connection)) is not None:
        return key
    token = token_of(connection)
    return token if token is not None and await resources.keys.find(token) else None


def is_foreign(connection: HTTPConnection) -> bool:
    """Whether a page of another site made a browser send this; programs send no Origin."""
    origin = connection.headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != connection.headers.get("host", "").lower()


def legacy_key(resources: Resources, connection: HTTPConnection) -> str | None:
    """The key for a client that brings none, where there is one; raises `Forbidden` for pages of other sites."""
    if resources.legacy_key is not None and is_foreign(connection):
        message = "A page of another site may not call this without a key of its own."
        raise Forbidden(message, code="foreign_origin")
    return resources.legacy_key


async def authenticate(resources: Resources, key: str | None, *, used: bool = True) -> Caller:
    """Whose key or session it is; raises `Unauthorized`."""
    caller = await resources.keys.find(key, used=used) if key else None
    if caller is None:
        raise Unauthorized(NO_KEY)
    if caller.tenant_id is not None:
        structlog.contextvars.bind_contextvars(tenant_id=str(caller.tenant_id))
    return caller


def _is_passive(connection: HTTPConnection, key: str | None) -> bool:
    """Whether a page asks by itself: for a list anew, or for its stream, which a browser opens again as it likes.

    Only a page has a session: a program that reads streams uses its key.
    """
    if key is None or not is_token(key):
        return False
    return PASSIVE in connection.headers or "text/event-stream" in connection.headers.get("accept", "")


async def _caller(
    resources: Wired,
    connection: HTTPConnection,
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    _header: Annotated[str | None, Security(HEADER)],
) -> Caller:
    """The two schemes are named for the API's description; the key is read in one place."""
    key = key_of(connection)
    if key is not None and key == token_of(connection):
        refuse_forged(connection, key)
    return await authenticate(resources, key, used=not _is_passive(connection, key))


async def _client(
    resources: Wired,
    connection: HTTPConnection,
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    _header: Annotated[str | None, Security(HEADER)],
) -> Caller:
    """These clients know of no proof; that their page is one of this site they show by its origin."""
    key = await living_key(resources, connection)
    shown = "origin" in connection.headers and not is_foreign(connection)
    if key is not None and key == token_of(connection) and not shown:
        refuse_forged(connection, key)
    return await authenticate(resources, key or legacy_key(resources, connection))


Known = Annotated[Caller, Depends(_caller)]
KnownClient = Annotated[Caller, Depends(_client)]
"""As `Known`, but without a key of its own it stands under the installation's legacy key."""


def allow(caller: Caller, *roles: Role) -> Caller:
    """The caller, if their role covers one of these; raises `Forbidden`."""
    if not any(caller.role.covers(role) for role in roles):
        message = f"A key with the role {caller.role} may not do this; it takes {' or '.join(roles)}."
        raise Forbidden(message)
    return caller


def require(*roles: Role) -> Callable[[Caller], Awaitable[Caller]]:
    """Make a dependency: a caller whose role covers one of these."""

    async def check(caller: Known) -> Caller:
        return allow(caller, *roles)

    return check


def member(caller: Caller) -> Member:
    """The caller as one of a tenant; raises `Forbidden` for the platform."""
    if caller.tenant_id is None or caller.tenant_name is None:
        message = "The platform's key sees no tenant's data."
        raise Forbidden(message)
    return Member(caller.key_id, caller.role, caller.tenant_id, caller.tenant_name, caller.project_id)


def _member_with(role: Role) -> Callable[[Caller], Awaitable[Member]]:
    async def check(caller: Known) -> Member:
        return member(allow(caller, role))

    return check


def _client_with(role: Role) -> Callable[[Caller], Awaitable[Member]]:
    async def check(caller: KnownClient) -> Member:
        return member(allow(caller, role))

    return check


def _owner_with(role: Role) -> Callable[[Caller], Awaitable[Member]]:
    """As `_member_with`; the platform counts as a member of the installation, whose jobs are about nobody's data."""

    async def check(caller: Known) -> Member:
        allow(caller, role, Role.PLATFORM)
        if caller.tenant_id is None:
            return Member(caller.key_id, caller.role, INSTALLATION, "_installation", None)
        return member(caller)

    return check


Viewer = Annotated[Member, Depends(_member_with(Role.VIEWER))]
Operator = Annotated[Member, Depends(_member_with(Role.OPERATOR))]
Admin = Annotated[Member, Depends(_member_with(Role.ADMIN))]
ClientViewer = Annotated[Member, Depends(_client_with(Role.VIEWER))]
ClientOperator = Annotated[Member, Depends(_client_with(Role.OPERATOR))]
JobViewer = Annotated[Member, Depends(_owner_with(Role.VIEWER))]
"""Who may see one job: a tenant's viewer its own, the platform one of the installation."""
JobOperator = Annotated[Member, Depends(_owner_with(Role.OPERATOR))]
"""Who may cancel one."""
Platform = Annotated[Caller, Depends(require(Role.PLATFORM))]
Manager = Annotated[Caller, Depends(require(Role.ADMIN, Role.PLATFORM))]
"""Who may manage keys and queues: a tenant's admin its own, the platform those of any tenant."""

Watcher = Annotated[Caller, Depends(require(Role.VIEWER, Role.PLATFORM))]
"""Who may see figures: a tenant's viewer its own, the platform those of the installation."""
Engineer = Annotated[Caller, Depends(require(Role.OPERATOR, Role.PLATFORM))]
"""Who may see the machinery that works for all."""


def hidden(what: str, wanted: object, code: str) -> NotFound:
    """The same answer for what is not there and for what the key may not see."""
    return NotFound(f"There is no {what} {wanted}.", code=code)
