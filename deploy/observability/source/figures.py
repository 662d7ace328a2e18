"""What a dashboard is made of: declarations, which `writing` turns into Grafana's panels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

SECONDS, COUNT, SHARE, BYTES = "s", "short", "percentunit", "bytes"
"""Grafana's names of units."""
PER_SECOND, BYTES_PER_SECOND = "ops", "Bps"


class Shape(StrEnum):
    """How a figure is drawn."""

    LINES = "lines"
    STACKED = "stacked"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A panel: the question that it answers, how to read it, and the runbook for when the answer is bad."""

    title: str
    question: str
    how: str
    unit: str
    queries: tuple[Query, ...]
    shape: Shape = Shape.LINES
    runbook: str | None = None
    bad_above: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Figures that belong together."""

    title: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. `choices` are labels that one may choose values of, each with a metric that has it."""

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]
    choices: tuple[tuple[str, str], ...] = ()


def rate(metric: str, by: str = "", of: str = "") -> str:
    """How much a counter rises in a second, summed over all processes."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{of}}}[$__rate_interval]))"


def rise(metric: str, by: str = "", of: str = "") -> str:
    """How much a counter has risen in the time that is shown."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (increase({metric}{{{of}}}[$__range]))"


def quantile(share: float, histogram: str, by: str = "", of: str = "") -> str:
    """An upper bound of so large a share of what a histogram has seen."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{of}}}[$__rate_interval])))"


p95 = partial(quantile, 0.95)
"""The bad end."""


def quantiles(histogram: str, by: str = "", of: str = "") -> tuple[Query, ...]:
    """The middle and the bad end."""
    name = f" {{{{{by}}}}}" if by else ""
    return tuple(Query(quantile(share, histogram, by, of), f"p{share * 100:g}{name}") for share in (0.5, 0.95, 0.99))


def all_of(metric: str, by: str = "", of: str = "") -> str:
    """A gauge of the whole installation, which every scheduler tells."""
    return f"max by ({by}) ({metric}{{{of}}})" if by else f"max({metric}{{{of}}})"


def sum_of(metric: str, by: str = "", of: str = "") -> str:
    """A gauge that each process tells of itself."""
    return f"sum by ({by}) ({metric}{{{of}}})" if by else f"sum({metric}{{{of}}})"


def each(of: Callable[[str, str, str], str], metric: str, by: str, only: str = "") -> Query:
    """A series for each value of those labels, and called by it."""
    return Query(of(metric, by, only), " ".join(f"{{{{{label}}}}}" for label in by.split(", ")))
