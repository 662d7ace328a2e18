"""What a misspelt name may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LISTED = 12
"""Names that are told where none is near; there may be thousands."""


def hint(name: str, known: Iterable[str]) -> str:
    """A sentence that names those that are near, else the first that there are."""
    names = list(known)
    if near := get_close_matches(name, names, n=3, cutoff=0.4):
        return f"Did you mean {' or '.join(near)}?"
    if not names:
        return "There are none."
    more = ", \u2026" if len(names) > LISTED else ""
    return f"There are: {', '.join(names[:LISTED])}{more}."
