"""Numbers as people read them."""

from __future__ import annotations

from typing import Final

UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
STEP: Final = 1000
MINUTE: Final = 60


def count(number: float) -> str:
    """`1234567` as `1,234,567`."""
    return f"{number:,.0f}"


def size(number: float) -> str:
    """Bytes in decimal units: `1.2 MB`."""
    place = 0
    while number >= STEP and place < len(UNITS) - 1:
        number, place = number / STEP, place + 1
    return f"{number:.0f} {UNITS[place]}" if place == 0 else f"{number:.1f} {UNITS[place]}"


def duration(seconds: float) -> str:
    """`0.8 s`, `12 s`, `3 min 05 s`."""
    if seconds < 10:  # noqa: PLR2004 - below it tenths are worth reading
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), MINUTE)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
