"""What the server's answers, and its silence, mean for the person who asked."""

from __future__ import annotations

import re
from typing import Any

import httpx

from wharf.client.failure import ClientError


def refuse_errors(response: httpx.Response) -> None:
    """Raise the `ClientError` that an answer of 400 or more stands for."""
    if response.is_success:
        return
    document = _document(response)
    problems = [problem for problem in document.get("errors") or [] if isinstance(problem, dict)]
    raise ClientError(
        _sentence(response, document, problems),
        code=str(document.get("code") or f"http_{response.status_code}"),
        status=response.status_code,
        problems=problems,
    )


def unreachable(url: str, error: httpx.HTTPError) -> ClientError:
    """What to say of a request that got no answer."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        message = f"Nothing answers at {url}. Start Wharf with: wharf up, or set WHARF_URL to where it runs."
        return ClientError(message, code="unreachable")
    if isinstance(error, httpx.TimeoutException):
        return ClientError(f"{url} did not answer in time. Try again.", code="timeout")
    reason = str(error) or type(error).__name__
    return ClientError(f"The connection to {url} broke ({reason}). Try again.", code="connection_broken")


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _sentence(response: httpx.Response, document: dict[str, Any], problems: list[dict[str, Any]]) -> str:
    found = document.get("detail") or document.get("title")
    if document.get("code") == "invalid_request" and problems:
        # The detail only lists the places that the problems say better.
        found = "This cannot be used."
    sentence = found if isinstance(found, str) else f"The server answered {response.status_code}."
    details = [_problem(problem) for problem in problems if str(problem.get("message", "")) not in sentence]
    return " ".join([sentence, *details])


def _problem(problem: dict[str, Any]) -> str:
    place = problem.get("loc")
    name = ".".join(map(str, place)) if isinstance(place, list) else str(place or "")
    name = re.sub(r"^(body|query|path)\.", "", name)
    return f"{name}: {problem.get('message', '')}" if name else str(problem.get("message", ""))
