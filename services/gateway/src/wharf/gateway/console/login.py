"""`/login` and `/logout`: a key exchanged for a session."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from wharf.common.errors import Forbidden
from wharf.common.logs import get_logger
from wharf.gateway.authentication import is_foreign
from wharf.gateway.console.pages import LOGIN, PageRoute, page
from wharf.gateway.console.tries import Tries
from wharf.gateway.resources import Wired
from wharf.gateway.sessions import COOKIE, is_token, refuse_forged, token_of

router = APIRouter(tags=["console"], route_class=PageRoute)
Next = Annotated[str, Query(max_length=2000)]
LONGEST = 200
WRONG = "This is no key of this installation, or it has ended. A key looks like wk_… and is shown once."


@router.get(LOGIN)
def ask(request: Request, next: Next = "/") -> Response:  # noqa: A002 - the query's name
    """Ask for a key."""
    return page(request, "login.html", shown={"wanted": local(next), "wrong": ""})


@router.post(LOGIN)
async def login(
    request: Request,
    resources: Wired,
    key: Annotated[str, Form(max_length=LONGEST)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the form's name
) -> Response:
    """Begin a session, go on where the person wanted to go."""
    _refuse_foreign(request)
    tries: Tries = request.app.state.tries
    place = request.client.host if request.client else ""
    if wait := tries.wait(place):
        return _again(request, next, f"Too many tries. Try again in {math.ceil(wait / 60)} min.", wait)
    key = key.strip()
    caller = None if is_token(key) else await resources.keys.find(key)
    if caller is None:
        tries.fail(place)
        return _again(request, next, WRONG)
    token = await run_in_threadpool(resources.sessions.begin, caller.key_id)
    get_logger().info("session.begun", key_id=str(caller.key_id))
    return _with_cookie(request, RedirectResponse(local(next), HTTPStatus.SEE_OTHER), token)


@router.post("/logout")
async def logout(request: Request, resources: Wired, proof: Annotated[str, Form(max_length=LONGEST)] = "") -> Response:
    """End the session, here and in every other window."""
    token = token_of(request)
    if token is not None:
        refuse_forged(request, token, proof)
        await run_in_threadpool(resources.keys.end, token)
    answer = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE, path=_home(request), httponly=True, samesite="lax", secure=is_https(request))
    return answer


def local(wanted: str) -> str:
    r"""A page of ours: no other host, which `//` and `/\` would lead to."""
    return wanted if wanted.startswith("/") and wanted[1:2] not in {"/", "\\"} and wanted.isprintable() else "/"


def is_https(request: Request) -> bool:
    """Whether the browser came by HTTPS; who lies about it gets a cookie that it cannot use."""
    # Of several proxies the first one is the browser's.
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
    return "https" in {request.url.scheme, forwarded}


def _home(request: Request) -> str:
    return str(request.scope.get("root_path") or "/")


def _refuse_foreign(request: Request) -> None:
    if is_foreign(request) or request.headers.get("sec-fetch-site") == "cross-site":
        message = "A page of another site may not log anybody in here."
        raise Forbidden(message, code="foreign_origin")


def _again(request: Request, wanted: str, wrong: str, wait: float = 0) -> Response:
    status = HTTPStatus.TOO_MANY_REQUESTS if wait else HTTPStatus.UNAUTHORIZED
    answer = page(request, "login.html", shown={"wanted": local(wanted), "wrong": wrong}, status=status)
    if wait:
        answer.headers["Retry-After"] = str(math.ceil(wait))
    return answer


def _with_cookie(request: Request, answer: Response, token: str) -> Response:
    """Without an age: it ends with the browser, and in the ledger when its time is over.

    Lax, so that a link in a mail leads to the page and not to the log-in; changes need the proof besides.
    """
    answer.set_cookie(COOKIE, token, path=_home(request), httponly=True, samesite="lax", secure=is_https(request))
    return answer
