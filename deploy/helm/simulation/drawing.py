"""Days as SVG: replicas, waits by priority and cost over the hours, for each queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from deploy.helm.simulation.cluster import Seen
from deploy.helm.simulation.load import DAY, PRIORITIES
from deploy.helm.simulation.policy import TICK_SECONDS
from deploy.helm.simulation.results import percentile

HOUR, BINS = 3600.0, 96
WIDE, HIGH, GAP, MARGIN = 300, 130, 56, 48
COLOURS = ("#8a9099", "#12547d", "#d98324", "#b3261e")
"""By priority; the second is that of everything else, too."""
Line = tuple[str, str, Sequence[float]]
"""Its name, its colour, its value in each bin."""


def drawn(title: str, days: Mapping[str, Seen]) -> str:
    """One day: a column for each queue."""
    width, height = MARGIN + len(days) * (WIDE + GAP), 3 * (HIGH + GAP) + MARGIN
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect {size} fill="#fff"/>',
        f'<text x="{MARGIN}" y="20" font-size="15">{title}</text>',
    ]
    for column, (queue, seen) in enumerate(days.items()):
        x = MARGIN + column * (WIDE + GAP)
        for row, (name, lines) in enumerate(_panels(queue, seen)):
            parts += _panel(x, MARGIN + row * (HIGH + GAP), name, lines)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panels(queue: str, seen: Seen) -> Iterable[tuple[str, list[Line]]]:
    pods = _binned((at, float(count)) for at, count, _ in seen.replicas)
    yield f"{queue}: replicas", [("replicas", COLOURS[1], [max(one, default=0.0) for one in pods])]
    waits: list[Line] = []
    for rank, name in enumerate(PRIORITIES):
        bins = _binned((at, wait) for at, priority, wait in seen.waits if priority == rank)
        waits.append((name, COLOURS[rank], [percentile(one, 0.95) for one in bins]))
    yield f"{queue}: wait, p95 of a quarter of an hour, s", waits
    total, cost = 0.0, []
    for one in pods:
        total += sum(one) * TICK_SECONDS / HOUR
        cost.append(total)
    yield f"{queue}: hours of pods so far", [("pod-hours", COLOURS[1], cost)]


def _binned(values: Iterable[tuple[float, float]]) -> list[list[float]]:
    bins: list[list[float]] = [[] for _ in range(BINS)]
    for at, value in values:
        if at < DAY:
            bins[int(at / DAY * BINS)].append(value)
    return bins


def _panel(x: int, y: int, title: str, lines: Sequence[Line]) -> Iterable[str]:
    top = max((value for *_, values in lines for value in values), default=0.0) or 1.0
    yield f'<text x="{x}" y="{y - 6}">{title}</text>'
    yield f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" fill="none" stroke="#ccc"/>'
    yield f'<text x="{x - 4}" y="{y + 9}" text-anchor="end">{top:.3g}</text>'
    yield f'<text x="{x - 4}" y="{y + HIGH}" text-anchor="end">0</text>'
    for hour in range(0, 25, 6):
        yield f'<text x="{x + hour / 24 * WIDE:.0f}" y="{y + HIGH + 13}" text-anchor="middle">{hour}</text>'
    for number, (name, colour, values) in enumerate(lines):
        points = " ".join(f"{x + n / BINS * WIDE:.1f},{y + HIGH * (1 - v / top):.1f}" for n, v in enumerate(values))
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
        if len(lines) > 1:
            yield f'<text x="{x + 6 + 62 * number}" y="{y + HIGH + 27}" fill="{colour}">{name}</text>'
