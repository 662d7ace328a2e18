"""Dashboards as SVG: their declared figures, laid out as Grafana does, drawn from what a Prometheus answered."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from deploy.observability.source.figures import (
    BYTES,
    BYTES_PER_SECOND,
    PER_SECOND,
    SECONDS,
    SHARE,
    Board,
    Figure,
    Shape,
)
from deploy.observability.source.writing import HIGH, LOW, NARROW, WIDE

COLUMNS, COLUMN, UNIT, GAP = 24, 50, 26, 6
"""Grafana's grid, and what its columns and rows measure here."""
HEAD, ROW_HEAD = 56, 30
COLOURS = ("#56a64b", "#3274d9", "#e0b400", "#ff780a", "#e02f44", "#a352cc", "#37a6b4", "#b877d9", "#8a6d3b", "#5f6b7a")
GOOD, BAD, INK, FAINT, GRID = "#37872d", "#c4162a", "#24292e", "#6a737d", "#e3e6ea"
TICKS = 4
LETTER = 5.4
"""The width of a small letter, more or less."""
SMALLEST = {SECONDS: 0.01, SHARE: 0.01}
"""The least that an axis shows, by unit; of others one."""
MARGIN = (52, 44, 20, 44)
"""Of a plot in its panel: left, top, right, bottom."""
DURATIONS = (10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0)
"""Round distances of ticks, of more than a few seconds."""
LEGENDS, MORE = 2, 28
"""Lines of a legend, and the room for how many names its last one leaves out."""
THOUSAND = 1000
STYLE = "text{font-family:Inter,'Helvetica Neue',Arial,sans-serif;font-size:10px;fill:#6a737d}"


@dataclass(frozen=True, slots=True)
class Line:
    """What one series is called, and its values: seconds since the begin, NaN where there is none."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1] if self.points else math.nan


@dataclass(frozen=True, slots=True)
class Box:
    """A place in the picture."""

    left: float
    top: float
    width: float
    height: float


Answers = dict[Figure, list[Line]]


@dataclass(frozen=True, slots=True)
class Scale:
    """Of a plot's values: so many steps below zero, and above."""

    step: float
    below: int
    above: int

    def depth(self, value: float) -> float:
        """How far from the top it is drawn: 0 there, 1 at the bottom."""
        return (self.above - value / self.step) / (self.above + self.below)


def drawn(board: Board, answers: Answers, seconds: float) -> str:
    """The picture of a dashboard over so many seconds."""
    parts: list[str] = [
        _text(GAP, 24, board.title, size=16, colour=INK, weight=600),
        _text(GAP, 42, board.about, size=11),
    ]
    top = float(HEAD)
    for row in board.rows:
        parts.append(_text(GAP, top + 19, f"▾ {row.title}", size=12, colour=INK, weight=600))
        top += ROW_HEAD
        places = list(_laid_out(row.figures, top))
        for figure, box in zip(row.figures, places, strict=True):
            parts += _panel(figure, box, answers[figure], seconds)
        top = max(box.top + box.height for box in places) + GAP
    return _page(COLUMNS * COLUMN, top + GAP, parts)


def _page(width: float, height: float, parts: Iterable[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">'
    return "\n".join(
        [head, f"<style>{STYLE}</style>", '<rect width="100%" height="100%" fill="#f4f5f7"/>', *parts, "</svg>\n"]
    )


def _laid_out(figures: Sequence[Figure], top: float) -> Iterator[Box]:
    """From left to right, and on in the next line where the grid ends."""
    left = 0
    for figure in figures:
        wide, high = (NARROW, LOW) if figure.shape is Shape.NUMBER else (WIDE, HIGH)
        if left + wide > COLUMNS:
            left, top = 0, top + high * UNIT
        yield Box(left * COLUMN + GAP / 2, top, wide * COLUMN - GAP, high * UNIT - GAP)
        left += wide


def _panel(figure: Figure, box: Box, lines: list[Line], seconds: float) -> Iterator[str]:
    frame = f'x="{box.left:.0f}" y="{box.top:.0f}" width="{box.width:.0f}" height="{box.height:.0f}"'
    yield f'<rect {frame} rx="3" fill="#fff" stroke="#d8dce1"/>'
    yield _text(box.left + 10, box.top + 18, figure.title, size=12, colour=INK, weight=600)
    if figure.shape is Shape.NUMBER:
        yield from _number(figure, box, lines)
        return
    yield _text(box.left + 10, box.top + 33, _short(figure.question, box.width - 20))
    yield from _plot(figure, _inner(box), _stacked(lines) if figure.shape is Shape.STACKED else lines, seconds)
    yield from _legend(box, lines)


def _short(said: str, width: float) -> str:
    """As much of a sentence as there is room for."""
    letters = int(width / LETTER)
    return said if len(said) <= letters else f"{said[: letters - 2]} …"


def _number(figure: Figure, box: Box, lines: list[Line]) -> Iterator[str]:
    values = [line.last for line in lines if not math.isnan(line.last)]
    shown = "no data" if not values else _said(min(values) if len(values) > 1 else values[0], figure.unit)
    bad = figure.bad_above is not None and any(value > figure.bad_above for value in values)
    yield _text(box.left + box.width / 2, box.top + 62, shown, size=26, colour=BAD if bad else GOOD, anchor="middle")
    if len(values) > 1:
        yield _text(box.left + box.width / 2, box.top + 84, f"the least of {len(values)}", anchor="middle")


def _inner(box: Box) -> Box:
    left, top, right, bottom = MARGIN
    return Box(box.left + left, box.top + top, box.width - left - right, box.height - top - bottom)


def _stacked(lines: list[Line]) -> list[Line]:
    """Each on top of those before it."""
    height: dict[float, float] = {}
    made = []
    for line in lines:
        for at, value in line.points:
            height[at] = height.get(at, 0.0) + (0.0 if math.isnan(value) else value)
        made.append(Line(line.name, tuple((at, height[at]) for at, _ in line.points)))
    return made


def _plot(figure: Figure, box: Box, lines: list[Line], seconds: float) -> Iterator[str]:
    values = [0.0, *(value for line in lines for _, value in line.points if math.isfinite(value))]
    least, most = min(values), max(values)
    step = _step(max(most, -least, SMALLEST.get(figure.unit, 1.0)), figure.unit)
    scale = Scale(step, math.ceil(-least / step - 1e-9), math.ceil(max(most, step) / step - 1e-9))
    yield from _axes(figure, box, scale, seconds)
    if not lines:
        yield _text(box.left + box.width / 2, box.top + box.height / 2, "no data", size=12, anchor="middle")
    for nth, line in reversed(list(enumerate(lines))):
        places = [
            (box.left + at / seconds * box.width, box.top + box.height * scale.depth(value))
            for at, value in line.points
        ]
        yield from _stroke(places, COLOURS[nth % len(COLOURS)], box if figure.shape is Shape.STACKED else None)


def _axes(figure: Figure, box: Box, scale: Scale, seconds: float) -> Iterator[str]:
    for nth in range(-scale.below, scale.above + 1):
        value = nth * scale.step
        y = box.top + box.height * scale.depth(value)
        yield f'<path d="M{box.left:.0f} {y:.1f}h{box.width:.0f}" stroke="{GRID}"/>'
        yield _text(box.left - 5, y + 3.5, _said(value, figure.unit), anchor="end")
    for minute in range(int(seconds // 60) + 1):
        x = box.left + minute * 60 / seconds * box.width
        yield f'<path d="M{x:.1f} {box.top:.0f}v{box.height:.0f}" stroke="{GRID}"/>'
        yield _text(x, box.top + box.height + 13, f"{minute}:00", anchor="middle" if minute else "start")


def _stroke(places: list[tuple[float, float]], colour: str, filled: Box | None) -> Iterator[str]:
    for piece in map(_bends, _pieces(places)):
        path = "M" + "L".join(f"{x:.0f} {y:.1f}" for x, y in piece)
        if filled is not None:
            ground = filled.top + filled.height
            closed = f"{path}L{piece[-1][0]:.0f} {ground:.0f}L{piece[0][0]:.0f} {ground:.0f}Z"
            yield f'<path d="{closed}" fill="{colour}" fill-opacity=".25"/>'
        yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>'


def _bends(piece: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without what lies on a level between others: most of most lines."""
    level = [round(y, 1) for _, y in piece]
    inner = range(1, len(piece) - 1)
    return [piece[0], *(piece[n] for n in inner if not level[n - 1] == level[n] == level[n + 1]), *piece[1:][-1:]]


def _pieces(places: list[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """What lies together between values that there are none of."""
    piece: list[tuple[float, float]] = []
    for x, y in places:
        if math.isfinite(y):
            piece.append((x, y))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _legend(box: Box, lines: list[Line]) -> Iterator[str]:
    x, line_number, bottom = box.left + 10.0, 0, box.top + box.height
    for nth, line in enumerate(lines):
        width = 20 + LETTER * len(line.name)
        if x + width > box.left + box.width - 10 - MORE * line_number:
            x, line_number = box.left + 10.0, line_number + 1
        if line_number == LEGENDS:
            yield _text(box.left + box.width - 8, bottom - 5, f"+ {len(lines) - nth}", anchor="end")
            return
        y = bottom - 18 + 13 * line_number
        yield f'<path d="M{x:.0f} {y - 3:.0f}h10" stroke="{COLOURS[nth % len(COLOURS)]}" stroke-width="3"/>'
        yield _text(x + 14, y, line.name)
        x += width + 6


def _step(most: float, unit: str) -> float:
    """A round distance of ticks, of which a few reach the greatest value."""
    rough = most / TICKS
    if unit in {BYTES, BYTES_PER_SECOND} and rough >= 1:
        return float(2 ** math.ceil(math.log2(rough)))
    if unit == SECONDS and rough > DURATIONS[0]:
        return next((one for one in DURATIONS if one >= rough), DURATIONS[-1] * math.ceil(rough / DURATIONS[-1]))
    power = float(10 ** math.floor(math.log10(rough)))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return step if unit in {SECONDS, SHARE, PER_SECOND} else max(step, 1.0)


def _said(value: float, unit: str) -> str:
    """A value as Grafana writes it."""
    if unit == SHARE:
        return f"{100 * value:.4g} %"
    if unit == SECONDS:
        return _time(value)
    if unit in {BYTES, BYTES_PER_SECOND}:
        return _bytes(value) + ("/s" if unit == BYTES_PER_SECOND else "")
    large = f"{value / THOUSAND:.4g}k" if abs(value) >= THOUSAND else f"{value:.3g}"
    return f"{large}/s" if unit == PER_SECOND else large


def _time(value: float) -> str:
    for size, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{1000 * value:.3g} ms" if value else "0"


def _bytes(value: float) -> str:
    power = min(int(math.log2(value) // 10), 4) if value >= 1 else 0
    return f"{value / 1024**power:.3g} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def _text(
    x: float, y: float, said: str, *, size: int = 10, colour: str = FAINT, anchor: str = "start", weight: int = 400
) -> str:
    changed = {
        "font-size": (size, 10),
        "fill": (colour, FAINT),
        "text-anchor": (anchor, "start"),
        "font-weight": (weight, 400),
    }
    style = "".join(
        f";{name}:{value}" + ("px" if name == "font-size" else "")
        for name, (value, usual) in changed.items()
        if value != usual
    )
    styled = f' style="{style[1:]}"' if style else ""
    return f'<text x="{x:.0f}" y="{y:.1f}"{styled}>{escape(said)}</text>'
