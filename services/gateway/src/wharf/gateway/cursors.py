"""Where a list goes on: opaque to the client, a few values to us."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Query

from wharf.common.errors import Invalid, Problem

T = TypeVar("T")

LONGEST = 16_000
"""Characters of a cursor: the values of a dataset's key may be long."""
MOST = 1000
"""Items of one page."""

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=LONGEST, description="The `next_cursor` of the page before.")]


def encode(values: Sequence[object]) -> str:
    """A cursor that stands for these values (JSON types, UUIDs and times)."""
    return base64.urlsafe_b64encode(orjson.dumps(list(values))).rstrip(b"=").decode()


def decode(cursor: str, parsers: Sequence[Callable[[Any], T]]) -> list[T]:
    """The values of a cursor, each through its parser; raises `Invalid` (`bad_cursor`)."""
    try:
        values = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(parsers):
            raise bad_cursor()
        return [parse(value) for parse, value in zip(parsers, values, strict=True)]
    except (binascii.Error, ValueError, TypeError, ArithmeticError) as error:
        raise bad_cursor() from error


def name_of(value: object) -> str:
    """A name in a cursor; raises TypeError for what is none."""
    if not isinstance(value, str) or "\0" in value:
        raise TypeError(value)
    return value


def moment_of(value: object) -> datetime:
    """A moment in a cursor; raises TypeError or ValueError for what is none, as a time without its zone."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else None
    if found is None or found.tzinfo is None:
        raise TypeError(value)
    return found


def bad_cursor() -> Invalid:
    """A cursor that no list of ours has given."""
    message = "The cursor is not one of this list. Take next_cursor as it came, or leave it out to begin again."
    return Invalid(message, code="bad_cursor", problems=(Problem("query.cursor", "bad_cursor", message),))


def page(rows: list[T], limit: int, cursor_of: Callable[[T], Sequence[object]]) -> tuple[list[T], str | None]:
    """Split what a query for `limit + 1` found into a page and the cursor of the next one."""
    shown = rows[:limit]
    return shown, encode(cursor_of(shown[-1])) if len(rows) > limit else None
