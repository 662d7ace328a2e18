"""Charts as vectors: bars and lines with quiet axes and direct labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from wharf.common.packages import Chart, Locale, ReportColumn
from wharf.package_worker.content import Filled
from wharf.package_worker.figures import written
from wharf.package_worker.pdf.ink import ACCENT, BLACK, GREY, LIGHT, POINT, Ink
from wharf.package_worker.text import Style

SMALL = 720
TICKS = 4
BAR, GAP = 13 * POINT, 6 * POINT
LINE_HEIGHT = 190 * POINT


@dataclass(frozen=True, slots=True)
class Series:
    """What a chart shows: labels, their values, and the values as texts."""

    labels: tuple[str, ...]
    values: tuple[float, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, filled: Filled, chart: Chart, locale: Locale) -> Series:
        """The first rows of a section."""
        rows = filled.first_rows(chart.most)
        label, value = _column(filled, rows, chart.label), _column(filled, rows, chart.value)
        values = value[1].cast(pa.float64(), safe=False).fill_null(0).to_pylist()
        return cls(
            tuple(written(label[1], label[0], locale).to_pylist()),
            tuple(values),
            tuple(written(value[1], value[0], locale).to_pylist()),
        )


def _column(filled: Filled, rows: pa.Table, name: str) -> tuple[ReportColumn, pa.Array]:
    number = [column.name for column in filled.columns].index(name)
    return filled.columns[number], rows.column(number).combine_chunks()


def chart_height(chart: Chart, series: Series) -> int:
    """The height that a chart takes, its title too."""
    body = len(series.labels) * (BAR + GAP) + 10 * POINT if chart.kind == "bar" else LINE_HEIGHT
    return body + 34 * POINT


def draw_chart(ink: Ink, chart: Chart, series: Series, *, left: int, top: int, width: int) -> None:
    """Draw it below `top`."""
    ink.text(left, top - 12 * POINT, chart.title, 950, Style.BOLD)
    if chart.kind == "bar":
        _bars(ink, series, left, top - 24 * POINT, width)
    else:
        _lines(ink, series, left, top - 24 * POINT, width)


def _bars(ink: Ink, series: Series, left: int, top: int, width: int) -> None:
    """Bars from left to right, each with its label before and its value behind."""
    setter = ink.setter
    names = min(max(setter.width(label, SMALL) for label in series.labels), width * 3 // 10)
    figures = max(setter.width(text, SMALL) for text in series.texts)
    start, room = left + names + 8 * POINT, width - names - figures - 20 * POINT
    most = max((abs(value) for value in series.values), default=0) or 1.0
    for number, (label, value, text) in enumerate(zip(series.labels, series.values, series.texts, strict=True)):
        low = top - (number + 1) * (BAR + GAP)
        length = max(round(room * max(value, 0) / most), 50)
        base = low + (BAR - SMALL) // 2 + 80
        ink.text(start - 8 * POINT, base, setter.shorten(label, SMALL, names), SMALL, align=1)
        ink.area(start, low, length, BAR, ACCENT if value >= 0 else GREY)
        ink.text(start + length + 5 * POINT, base, text, SMALL, colour=GREY)
    ink.line(start, top, start, top - len(series.values) * (BAR + GAP) - GAP, GREY, width=60)


def _lines(ink: Ink, series: Series, left: int, top: int, width: int) -> None:
    """One line over time, from zero, with round ticks."""
    setter, height = ink.setter, LINE_HEIGHT - 30 * POINT
    step = _round_step(max(series.values, default=0))
    high = step * math.ceil((max(series.values, default=0) or 1) / step)
    ticks = [step * number for number in range(round(high / step) + 1)]
    names = max(setter.width(f"{tick:,.0f}", SMALL) for tick in ticks)
    start, room = left + names + 8 * POINT, width - names - 20 * POINT
    for tick in ticks:
        y = top - height + round(height * tick / high)
        ink.line(start, y, start + room, y, LIGHT, width=40)
        ink.text(start - 6 * POINT, y - 240, f"{tick:,.0f}", SMALL, colour=GREY, align=1)
    points = _points(series.values, left=start, low=top - height, width=room, height=height, high=high)
    ink.path(points, ACCENT, 160) if len(points) > 1 else None
    for x, y in points:
        ink.area(x - 130, y - 130, 260, 260, ACCENT)
    _dates(ink, series.labels, points, top - height - 14 * POINT, room)


def _points(
    values: Sequence[float], *, left: int, low: int, width: int, height: int, high: float
) -> list[tuple[int, int]]:
    step = width / max(len(values) - 1, 1)
    return [(left + round(step * n), low + round(height * max(v, 0) / high)) for n, v in enumerate(values)]


def _dates(ink: Ink, labels: Sequence[str], points: Sequence[tuple[int, int]], low: int, room: int) -> None:
    widest = max((ink.setter.width(label, SMALL) for label in labels), default=0) + 10 * POINT
    every = max(math.ceil(len(labels) * widest / max(room, 1)), 1)
    for label, (x, _) in list(zip(labels, points, strict=True))[::every]:
        ink.text(x, low, label, SMALL, colour=BLACK, align=0.5)


def _round_step(most: float) -> float:
    """1, 2 or 5 times a power of ten, so that there are about as many ticks as wished."""
    rough = (most or 1.0) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * times for times in (1, 2, 5, 10) if rough <= power * times)
