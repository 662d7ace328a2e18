"""Regular expressions that tenants write: RE2, which takes time linear in the text whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final

import re2
from pydantic import AfterValidator, StringConstraints

OPTIONS: Final = re2.Options()
OPTIONS.log_errors = False  # an error is told to the one who wrote the pattern, not to the log


@lru_cache(1000)
def compiled(pattern: str) -> Any:  # noqa: ANN401 - the library has no types
    """The pattern, ready for use; raises `ValueError` with what is wrong with it."""
    try:
        return re2.compile(pattern, OPTIONS)
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        message = f"no regular expression of RE2: {said}"
        raise ValueError(message) from error


def _valid(pattern: str) -> str:
    compiled(pattern)
    return pattern


def _with_a_group(pattern: str) -> str:
    if not compiled(pattern).groups:
        message = "a header pattern needs a group: what it captures is the header"
        raise ValueError(message)
    return pattern


Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_valid)]
"""A regular expression for a whole cell."""
HeaderPattern = Annotated[str, StringConstraints(max_length=200), AfterValidator(_with_a_group)]
"""A regular expression for a whole header; its first group is the header proper."""
