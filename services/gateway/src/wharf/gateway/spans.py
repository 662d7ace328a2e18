"""How long a moment is, as somebody wrote it: `2025-03-14` is a day, `2025-03-14 10:30` a minute."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

SPANS: Final = {0: timedelta(days=1), 2: timedelta(hours=1), 4: timedelta(minutes=1), 6: timedelta(seconds=1)}
"""By the digits of the clock."""
SHORTEST: Final = timedelta(microseconds=1)
LAST: Final = datetime.max.replace(tzinfo=UTC)


def span_of(text: str) -> tuple[datetime, datetime | None]:
    """Its first instant, and the first one after it (None: there is none). Without an offset it is UTC's.

    Raises `ValueError` for what is no ISO 8601 date or moment.
    """
    written = datetime.fromisoformat(text)
    first = written if written.tzinfo else written.replace(tzinfo=UTC)
    _, _, rest = text.replace(" ", "T").partition("T")
    clock = re.split(r"[Z+-]", rest)[0]
    span = SHORTEST if set(clock) & set(".,") else SPANS[sum(letter.isdigit() for letter in clock)]
    return first, first + span if first < LAST - span else None
