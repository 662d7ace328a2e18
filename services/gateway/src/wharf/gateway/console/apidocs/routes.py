"""`/docs`: every route of the API, to read and to try out.

Swagger UI comes with a package and not from somebody's network, as FastAPI's own page has it: many installations reach
none, and a script from elsewhere could do here whatever the person who looks may do.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata, resources
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response

from wharf.common.errors import NotFound
from wharf.gateway.console.assets import Asset
from wharf.gateway.console.pages import HEADERS, POLICY, PageRoute, page

router = APIRouter(tags=["console"], route_class=PageRoute)
PACKAGE: Final = "fastapi_offline"
BUILD: Final = metadata.version(PACKAGE)
FILES: Final = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})
# Its pictures are within its stylesheet, and it sets styles of elements.
OWN_POLICY: Final = POLICY.replace("img-src 'self'", "img-src 'self' data:").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


@router.get("/docs")
def show(request: Request) -> Response:
    """For everybody, as the API's description is; a session of the console may call what it may."""
    answer = page(request, "apidocs/apidocs.html", shown={"build": BUILD})
    answer.headers.update(HEADERS | {"Content-Security-Policy": OWN_POLICY})
    return answer


@router.get("/docs/{build}/{name}")
def swagger(build: str, name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    """One of Swagger UI's own files."""
    if name not in FILES:
        message = "There is no such file."
        raise NotFound(message)
    return _file(name).answer(accept_encoding, keep=build == BUILD)


@cache  # few ask for them, and packing them takes a tenth of a second
def _file(name: str) -> Asset:
    return Asset.of(resources.files(PACKAGE) / "static" / name)
