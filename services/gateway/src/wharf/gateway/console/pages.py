"""The one way to answer with a page: templates, their filters, a policy that lets nothing in from elsewhere.

A template escapes whatever it is given; nothing is marked as safe. An error inside a page's route is a page too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.responses import HTMLResponse, RedirectResponse

from wharf.common.access import Caller, Role
from wharf.common.clock import now
from wharf.common.errors import Unauthorized, WharfError
from wharf.common.logs import get_logger
from wharf.gateway.authentication import Member
from wharf.gateway.console.assets import address_of
from wharf.gateway.console.navigation import entries_for
from wharf.gateway.console.words import FILTERS
from wharf.gateway.problems import ProblemDocument, invalid_request, listed, of_database, problem_of
from wharf.gateway.sessions import proof_of, token_of

MOST_CELLS: Final = 5_000
"""A page of a table with very many columns has fewer rows."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    # With none at all a browser hides the origin of the forms that we send to ourselves.
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie",
}
LOGIN = "/login"
ADDRESS: Final = re.compile(r' (?:href|src|action|hx-get)="/(?!/)')
"""Where a page's text has an address of ours."""
THEMES = frozenset({"light", "dark"})
Answer = Callable[[Request], Coroutine[Any, Any, Response]]


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("wharf.gateway.console"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= FILTERS
    made.globals |= {"asset": address_of, "address": address, "now": now}
    return made


def address(path: str, **query: object) -> str:
    """A path with those of the values that say something."""
    said = urlencode({name: value for name, value in query.items() if value not in {None, ""}})
    return f"{path}?{said}" if said else path


ENVIRONMENT: Final = _environment()


class Look:
    """Who looks: what a template may ask about them."""

    def __init__(self, caller: Caller | Member) -> None:
        self.role = caller.role
        # Of one of the installation's jobs the platform is shown as a member; a tenant it has none.
        self.tenant = None if caller.role is Role.PLATFORM else caller.tenant_name
        self.project_id = caller.project_id
        self.entries = entries_for(caller.role)

    def may(self, *roles: str) -> bool:
        """Whether their role covers one of these: what a page shows. What is allowed, the API decides."""
        return any(self.role.covers(Role(role)) for role in roles)


def page(
    request: Request,
    template: str,
    caller: Caller | Member | None = None,
    shown: Mapping[str, object] = MappingProxyType({}),
    *,
    status: int = HTTPStatus.OK,
) -> HTMLResponse:
    """A whole page; htmx takes the part of it that it wants."""
    token = token_of(request)
    theme = request.cookies.get("wharf_theme", "")
    base = request.scope.get("root_path", "")
    frame = {
        "base": base,
        "look": caller and Look(caller),
        "proof": proof_of(token) if token else "",
        "path": request.url.path,
        "here": str(request.url.replace(scheme="", netloc="")),
        "theme": theme if theme in THEMES else "",
    }
    text = ENVIRONMENT.get_template(template).render({**frame, **shown})
    return HTMLResponse(_beneath(base, text), status, HEADERS)


def _beneath(base: str, text: str) -> str:
    """A page whose addresses are below that path. What people wrote is escaped: such quotes are the templates' own."""
    return ADDRESS.sub(rf"\g<0>{base[1:]}/", text) if base else text


class PageRoute(APIRoute):
    """A route that answers a person: whoever is not known is asked for a key, whatever goes wrong is told in a page."""

    def get_route_handler(self) -> Answer:
        """As FastAPI's, with errors as pages."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthorized:
                return _to_login(request)
            except (WharfError, RequestValidationError) as error:
                return _told(request, _problem(error))
            except (DBAPIError, PoolTimeout) as error:
                return _told(request, of_database(error))

        return answer


def _to_login(request: Request) -> Response:
    wanted = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    place = LOGIN if request.method != "GET" or wanted == "/" else f"{LOGIN}?next={quote(wanted, safe='')}"
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": place})
    return RedirectResponse(place, HTTPStatus.SEE_OTHER)


def _problem(error: WharfError | RequestValidationError) -> ProblemDocument:
    told = problem_of(error) if isinstance(error, WharfError) else invalid_request(listed(error.errors()))
    if told.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        get_logger().error("http.failed", code=told.code, exc_info=error)
    return told


def _told(request: Request, told: ProblemDocument) -> Response:
    shown = {"title": HTTPStatus(told.status).phrase, "problem": told}
    return page(request, "error.html", shown=shown, status=told.status)
