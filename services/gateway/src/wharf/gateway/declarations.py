"""A package type as a request declares it, in JSON or YAML: read, checked, and what is wrong told with its place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from wharf.common.errors import Invalid, Problem
from wharf.common.nearnames import hint
from wharf.common.packages import Chart, Filter, Order, PackageType, Page, ReportColumn, Section
from wharf.common.wording import worded
from wharf.gateway.yamltext import Path, Position, read_yaml

LARGEST = 256 * 1024
"""Bytes of a declaration."""
JSON = "application/json"
YAML = ("application/yaml", "text/yaml", "application/x-yaml")
PARTS: dict[Path, type[BaseModel]] = {
    (): PackageType,
    ("page",): Page,
    ("sections",): Section,
    ("sections", "columns"): ReportColumn,
    ("sections", "filters"): Filter,
    ("sections", "order"): Order,
    ("sections", "chart"): Chart,
}
"""What stands where in a declaration, places in lists left out: whose fields a misspelt one may have meant."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A package type, and the lines of its parts where it came as YAML."""

    kind: PackageType
    places: dict[Path, Position] = field(default_factory=dict)

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Raise `Invalid` for all of them together, if there are any."""
        if found := list(problems):
            _refuse(self.places, found)


def read_declaration(body: bytes, media_type: str) -> Declaration:
    """A declaration as it was sent; raises `Invalid` for what is none, with every problem at once."""
    text = _text(body)
    if media_type in YAML:
        read = read_yaml(text)
        value, places = read.value, read.places
    else:
        value, places = _json(text), {}
    try:
        return Declaration(PackageType.model_validate(value), places)
    except ValidationError as error:
        _refuse(places, list(_problems(error)))


async def _body(request: Request) -> tuple[bytes, str]:
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media_type not in (JSON, *YAML):
        raise HTTPException(415, f"Send the declaration as {JSON} or {YAML[0]}, not as {media_type}.")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise HTTPException(413, f"A declaration may have at most {LARGEST:,} bytes.")
    return body, media_type


def _declared(body: Annotated[tuple[bytes, str], Depends(_body)]) -> Declaration:
    """Not in the event loop: a large one takes a moment."""
    return read_declaration(*body)


Declared = Annotated[Declaration, Depends(_declared)]
"""What a route takes; its parameter comes after the one of the caller, who is asked for a key first."""


def described() -> dict[str, Any]:
    """The body for the API's description, since the route reads it by itself."""
    schema = PackageType.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs")
    content = {media_type: {"schema": schema} for media_type in (JSON, YAML[0])}
    return {"requestBody": {"required": True, "content": content}}


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"The declaration is not UTF-8: byte {error.start + 1} is none of it."
        raise Invalid(message, code="bad_encoding", problems=(Problem("body", "bad_encoding", message),)) from None


def _json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        what = f"Line {error.lineno}, column {error.colno}: {error.msg}."
    except RecursionError:
        what = "There are too many lists or objects within each other."
    except ValueError as error:
        what = f"{error}."
    raise Invalid(what, code="bad_json", problems=(Problem("body", "bad_json", what),)) from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        message = f"The key {next(name for name in names if names.count(name) > 1)!r} comes twice"
        raise ValueError(message)
    return found


def _no_number(text: str) -> NoReturn:
    message = f"{text} is no number of JSON"
    raise ValueError(message)


def _problems(error: ValidationError) -> Iterator[Problem]:
    """Without those of a list that is too short only because its parts are wrong."""
    found = error.errors(include_url=False, include_input=False)
    for said in found:
        loc = said["loc"]
        inside = (other["loc"] for other in found if len(other["loc"]) > len(loc))
        if said["type"] != "too_short" or not any(other[: len(loc)] == loc for other in inside):
            yield _problem(said)


def _problem(said: Any) -> Problem:  # noqa: ANN401 - pydantic's own description of an error
    loc, kind, message = said["loc"], said["type"], worded(said)
    if kind == "extra_forbidden":
        kind, message = "unknown_field", f"There is no field {loc[-1]!r} here. {hint(str(loc[-1]), _fields(loc[:-1]))}"
    return Problem(".".join(map(str, loc)), kind, message)


def _fields(loc: Path) -> list[str]:
    model = PARTS[tuple(part for part in loc if isinstance(part, str))]
    return [about.alias or name for name, about in model.model_fields.items()]


def _refuse(places: dict[Path, Position], problems: list[Problem]) -> NoReturn:
    located = tuple(Problem(f"body.{p.loc}".rstrip("."), p.code, _place(places, p.loc) + p.message) for p in problems)
    first = located[0]
    more = f" ({len(located) - 1} more: see errors)" if len(located) > 1 else ""
    code = first.code if len({p.code for p in located}) == 1 else "invalid_declaration"
    raise Invalid(first.message + more, code=code, problems=located)


def _place(places: dict[Path, Position], loc: str) -> str:
    """Where that part begins, else the one that it should be in."""
    path: Path = tuple(int(part) if part.isdigit() else part for part in loc.split(".") if part)
    while path and path not in places:
        path = path[:-1]
    return "Line {}, column {}: ".format(*places[path]) if path in places else ""
