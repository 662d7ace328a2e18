"""Errors as the outside sees them: `application/problem+json` (RFC 9457), the HTTP status from one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from wharf.common.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    OutOfRange,
    Permanent,
    TooLarge,
    Transient,
    Unauthorized,
    WharfError,
)
from wharf.common.ledger.patience import is_away
from wharf.common.logs import get_logger
from wharf.common.wording import worded

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "5"
WRONG_STATE = "wrong_state"
CLIENT_CLOSED_REQUEST = 499
"""Nobody reads this status; it tells in log and metrics that the client went away."""

STATUSES: dict[type[WharfError], HTTPStatus] = {
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Gone: HTTPStatus.GONE,
    Conflict: HTTPStatus.CONFLICT,
    OutOfRange: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    Permanent: HTTPStatus.INTERNAL_SERVER_ERROR,
    Transient: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The one place where an error becomes a status; a class that is not here counts as its parent."""

HEADERS: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="wharf"'},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": RETRY_SECONDS},
}

UNEXPECTED = "Something went wrong on our side. Try again; if it goes on, tell the operator the request's id."
AWAY = "The ledger does not answer right now. Try again in a few seconds."


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """What is told about one failed request."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, Any]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)
    """Members of its own: of a job in the wrong state, `job_status`."""

    def response(self) -> Response:
        """The answer to send."""
        status = HTTPStatus(self.status)
        body = {
            "type": f"urn:wharf:problem:{self.code}",
            "title": status.phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.more,
        }
        if self.errors:
            body["errors"] = self.errors
        headers = {**HEADERS.get(status, {}), **self.headers}
        return Response(orjson.dumps(body, default=str), self.status, headers, MEDIA_TYPE)


def status_of(error: WharfError) -> HTTPStatus:
    """The status for an error: that of its class, or of the nearest class above it."""
    found = (STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_of(error: WharfError) -> ProblemDocument:
    """A problem in our own words."""
    problems = error.problems if isinstance(error, Invalid) else ()
    errors = [{"loc": p.loc.split("."), "code": p.code, "message": p.message} for p in problems]
    more = (
        {"job_status": error.detail["status"]} if error.error_code == WRONG_STATE and "status" in error.detail else {}
    )
    return ProblemDocument(status_of(error), error.error_code, error.message, errors, more=more)


def of_database(error: Exception) -> ProblemDocument:
    """A ledger that is away is the world's state, to be tried again; any other error is our mistake, and raised."""
    if not is_away(error):
        raise error
    get_logger().warning("ledger.unavailable", error=type(error).__name__)
    return problem_of(Transient(AWAY, code="ledger_unavailable"))


def listed(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Pydantic's errors in the contract's shape; without the input, which may be a secret."""
    return [{"loc": list(e["loc"]), "code": e["type"], "message": worded(e)} for e in errors]


def invalid_request(errors: list[dict[str, Any]]) -> ProblemDocument:
    """One 422 for all that is wrong with a request."""
    places = ", ".join(".".join(str(part) for part in e["loc"]) for e in errors)
    detail = f"The request cannot be used as it is; see errors. Wrong: {places}."
    return ProblemDocument(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors)


def unexpected() -> Response:
    """The answer to what nobody foresaw: says nothing of the inside."""
    return ProblemDocument(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", UNEXPECTED).response()


def install(app: FastAPI) -> None:
    """Let every error of the application leave as a problem."""
    app.add_exception_handler(WharfError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(PoolTimeout, _database)


async def _ours(_request: Request, error: Exception) -> Response:
    if not isinstance(error, WharfError):
        raise error
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        get_logger().error("http.failed", code=error.error_code, exc_info=error)
    return problem.response()


async def _validation(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return invalid_request(listed(error.errors())).response()


async def _http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    return ProblemDocument(error.status_code, code, str(error.detail), headers=error.headers or {}).response()


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _database(_request: Request, error: Exception) -> Response:
    return of_database(error).response()
