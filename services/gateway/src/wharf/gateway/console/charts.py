"""Charts as SVG, drawn on the server: places and lengths, which a template writes as attributes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wharf.gateway.console.words import number

WIDTH: Final = 640
HEIGHT: Final = 190
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 10, 24
STEPS: Final = (1, 2, 5, 10)
GRIDLINES: Final = 4
GAP: Final = 0.25
"""Of a bar's place."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a stack."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word at an axis."""

    place: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All that is drawn. `lines` and `areas` are paths; `target` is the height of a line across."""

    title: str
    bars: list[Bar]
    lines: list[str]
    areas: list[str]
    across: list[Mark]
    along: list[Mark]
    target: float | None = None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def rounded(top: float) -> float:
    """The least of 1, 2, 5, 10, 20, … that is not below."""
    if top <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(top))
    return next(step * power for step in STEPS if step * power >= top * 0.999)


def stacked(title: str, words: Sequence[str], stacks: Sequence[Sequence[tuple[str, float]]]) -> Chart:
    """Bars of parts on each other; a part is its tone and its number."""
    top = rounded(max((sum(value for _, value in stack) for stack in stacks), default=0))
    place = (WIDTH - LEFT - RIGHT) / max(len(stacks), 1)
    bars: list[Bar] = []
    for nth, stack in enumerate(stacks):
        below = 0.0
        for tone, value in stack:
            below += value
            if value:
                x, y = LEFT + (nth + GAP / 2) * place, _height(below, top)
                title_ = f"{words[nth]}: {number(value)} {tone}"
                bars.append(Bar(_r(x), y, _r(place * (1 - GAP)), _r(_height(below - value, top) - y), tone, title_))
    return Chart(title, bars, [], [], _across(top), _along(words))


def line(title: str, words: Sequence[str], values: Sequence[float | None], target: float | None = None) -> Chart:
    """A line with its area; it is broken where there is no value."""
    top = rounded(max([value for value in values if value is not None] + ([target] if target else []), default=0))
    place = (WIDTH - LEFT - RIGHT) / max(len(values), 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for nth, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((_r(LEFT + (nth + 0.5) * place), _height(value, top)))
    paths = [_path(run, place) for run in runs if run]
    floor = HEIGHT - BOTTOM
    areas = [f"{path}V{floor}H{run[0][0]}Z" for path, run in zip(paths, [run for run in runs if run], strict=True)]
    return Chart(title, [], paths, areas, _across(top), _along(words), _height(target, top) if target else None)


def _path(run: Sequence[tuple[float, float]], place: float) -> str:
    # One value alone is a short line, or nobody would see it.
    points = run if len(run) > 1 else [run[0], (_r(run[0][0] + place / 2), run[0][1])]
    return "M" + "L".join(f"{x} {y}" for x, y in points)


def _across(top: float) -> list[Mark]:
    values = [top * nth / GRIDLINES for nth in range(GRIDLINES + 1)]
    return [Mark(_height(value, top), number(value)) for value in values]


def _along(words: Sequence[str]) -> list[Mark]:
    """Every so many, so that they have room."""
    place = (WIDTH - LEFT - RIGHT) / max(len(words), 1)
    every = max(len(words) // 6, 1)
    return [Mark(_r(LEFT + (nth + 0.5) * place), words[nth]) for nth in range(0, len(words), every)]


def _height(value: float, top: float) -> float:
    return _r(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top)


def _r(value: float) -> float:
    return round(value, 1)
