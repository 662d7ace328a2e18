"""One part of the health report: how it is, a sentence, and figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How something is; the worst of several is that of the whole."""

    OK = "ok"
    WARN = "warn"
    """It works, and somebody should look at it."""
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Part:
    """What a check found. `detail` is for a person, and says what to do where that is not plain."""

    level: Level
    detail: str
    figures: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As the report shows it."""
        return {"status": self.level, "detail": self.detail} | self.figures


def worst(levels: Iterable[Level]) -> Level:
    """The worst of them; of none it is ok."""
    return max(levels, key=list(Level).index, default=Level.OK)


def filled(share: float, warn: float, fail: float) -> Level:
    """How something is that is filled to that share."""
    return Level.FAIL if share >= fail else Level.WARN if share >= warn else Level.OK


def size(number: float) -> str:
    """Bytes in the largest unit of which there is one."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    at = min(max(int(number).bit_length() - 1, 0) // 10, len(units) - 1)
    return f"{number / 1024**at:,.1f} {units[at]}" if at else f"{number:.0f} B"


def of_problems(problems: list[tuple[Level, str]], well: str, figures: dict[str, Any]) -> Part:
    """A part whose sentence names what is wrong, the worst first; `well` where nothing is."""
    problems = sorted(problems, key=lambda found: -list(Level).index(found[0]))
    detail = " ".join(said for _, said in problems) or well
    return Part(worst(level for level, _ in problems), detail, figures)
