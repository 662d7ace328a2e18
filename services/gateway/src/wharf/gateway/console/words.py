"""Figures and times in words, as pages show them. Each is a filter of the templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from wharf.common.clock import now
from wharf.common.jobs.view import JobView
from wharf.common.ledger.database import dumps

MINUTE, HOUR, DAY = 60, 3600, 86_400
UNITS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))
TENTHS_BELOW = 10
KIB = 1024
LONGEST_CELL = 200
NOTHING = "\N{EN DASH}"


def number(value: float | None) -> str:
    """`12,345`; a dash for what is not known."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= TENTHS_BELOW else f"{value:,.1f}"


def counted(count: int, one: str, many: str) -> str:
    """`1 job waits`, `12,345 jobs wait`."""
    return f"{number(count)} {one if count == 1 else many}"


def duration(seconds: float | None) -> str:
    """The two largest units: `2 h 5 min`, `40 s`, `0.4 s`."""
    if seconds is None:
        return NOTHING
    if seconds < TENTHS_BELOW:
        return f"{max(seconds, 0):.1f} s"
    left = int(seconds)
    parts: list[tuple[int, str]] = []
    for size, name in UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append((count, name))
    return " ".join(f"{count} {name}" for count, name in parts[:2] if count)


def ago(moment: datetime) -> str:
    """`5 min ago`, `in 2 h`; the page's script keeps it current."""
    seconds = (now() - moment).total_seconds()
    if abs(seconds) < TENTHS_BELOW:
        return "just now"
    size, name = next((size, name) for size, name in UNITS if abs(seconds) >= size)
    words = f"{int(abs(seconds) // size)} {name}"
    return f"{words} ago" if seconds > 0 else f"in {words}"


def exact(moment: datetime) -> str:
    """`2025-11-25 02:00:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def zoned(moment: datetime) -> str:
    """`Mon 30 Nov 2026, 08:00 CET`: on the clock of the zone that it is in."""
    return f"{moment:%a %d %b %Y, %H:%M %Z}"


def size(count: float) -> str:
    """`3.4 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < KIB:
            return f"{number(count)} {unit}"
        count /= KIB
    return f"{number(count)} TiB"


def percent(value: float) -> str:
    """`75 %`; never 100 before it is done."""
    return f"{int(value)} %"


def share(value: float) -> str:
    """`99.5 %`, `100 %`: not rounded up to what it is not."""
    return f"{int(value * 10) / 10:g} %"


def plain(name: str) -> str:
    """A name of ours as a word: `rows_read` is `rows read`."""
    return name.replace("_", " ").replace("-", " ")


def plain_pair(name: str) -> tuple[str, str]:
    """An option of a filter: a name of ours, and as a word."""
    return name, plain(name)


def same_pair(name: str) -> tuple[str, str]:
    """An option that is shown as it is."""
    return name, name


def words_pair(option: Any) -> tuple[str, str]:  # noqa: ANN401 - an enumeration whose members have words
    """An option that brings its words."""
    return option, option.words


OUTCOMES: Final = {
    "import": ("rows_read", "inserted", "updated", "rejected"),
    "package": ("pages", "rows"),
    "report": ("pages",),
    "undo": ("reversed", "kept"),
    "rules": ("matched", "changed"),
    "transform": ("rows_affected",),
}
"""What of a result a list tells, by kind."""


def outcome(job: JobView) -> str:
    """What came of a completed job, in a few words: `3,000 rows read, 12 rejected`."""
    result = job.result or {}
    found = [(result.get(name), plain(name)) for name in OUTCOMES.get(job.kind, ())]
    told = [f"{number(value)} {words}" for value, words in found if isinstance(value, int | float) and value]
    return ", ".join(told) or "done"


def written(line: dict[str, Any]) -> str:
    """A line of a job's log: its event, and what it says besides."""
    fields = (line["fields"] or {}).items()
    return " ".join([line["event"], *(f"{name}={dumps(value)}" for name, value in fields)])


def cell(value: Any) -> str:  # noqa: ANN401 - whatever a dataset's column holds
    """A value of a row, as a table has room for it."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return exact(value).removesuffix(" UTC")
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"


def visible(text: str) -> str:
    """A character that nobody sees, by its name."""
    return {"\t": "tab", " ": "space"}.get(text, text)


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    each.__name__: each
    for each in (
        number,
        duration,
        ago,
        exact,
        zoned,
        size,
        percent,
        share,
        plain,
        plain_pair,
        same_pair,
        words_pair,
        outcome,
        written,
        visible,
        cell,
    )
}
