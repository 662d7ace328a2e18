"""The jobs of a day, drawn by chance that is the same every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from deploy.helm.simulation.times import IMPORT_SECONDS, PACKAGE_SECONDS, SHARED

HOUR = 3600.0
DAY = 24 * HOUR
LOW, NORMAL, HIGH, URGENT = range(4)
PRIORITIES = ("low", "normal", "high", "urgent")
SHARES = (0.10, 0.75, 0.12, 0.03)
"""How often each priority is asked for."""
TENANTS = 40
MONTH_END = 3
BEGINS, ENDS = 9, 22
"""Of a long day."""


@dataclass(frozen=True, slots=True)
class Job:
    """One of them: when it is due, for how long it runs, for whom and how urgently."""

    at: float
    seconds: float
    priority: int
    tenant: int


@dataclass(frozen=True, slots=True)
class Class:
    """What a queue gets: jobs a second in the busiest hour of a usual day, and sizes with their shares."""

    queue: str
    busiest: float
    sizes: tuple[tuple[float, float], ...]
    """Seconds and share."""

    def seconds(self, chance: Random) -> float:
        """How long one runs: of one of the sizes, a little more or less."""
        (typical,) = chance.choices([one for one, _ in self.sizes], [share for _, share in self.sizes])
        return typical * SHARED * chance.lognormvariate(0, 0.25)


SMALL, MIDDLE, LARGE, BULK = (IMPORT_SECONDS[rows] for rows in (10_000, 100_000, 300_000, 1_000_000))
CLASSES = {
    "ingest": Class("ingest", 0.5, ((SMALL, 0.1), (MIDDLE, 0.4), (LARGE, 0.5))),
    "ingest-bulk": Class("ingest-bulk", 0.03, ((BULK, 0.8), (10 * BULK, 0.2))),
    "package": Class("package", 0.3, tuple(zip(PACKAGE_SECONDS.values(), (0.2, 0.4, 0.3, 0.1), strict=True))),
}


BY_THE_HOUR = (
    *((0, 0.02), (7, 0.03), (9, 0.7), (10, 1.0), (12, 0.55)),
    *((13, 0.6), (14.5, 1.0), (17, 0.6), (19, 0.1), (24, 0.02)),
)


def office(hour: float) -> float:
    """A usual day, as a share of its busiest hour: little at night, two peaks with a lunch between."""
    for (begun, low), (ended, high) in pairwise(BY_THE_HOUR):
        if begun <= hour <= ended:
            return low + (high - low) * (hour - begun) / (ended - begun)
    return 0.0


def month_end(hour: float) -> float:
    """Three times as much, until late."""
    return MONTH_END * max(office(hour), 0.5 if BEGINS <= hour <= ENDS else 0.0)


def usual(of: Class) -> Iterator[Job]:
    """Office hours."""
    return _drawn(of, office, seed=1)


def at_month_end(of: Class) -> Iterator[Job]:
    """The last day of a month."""
    return _drawn(of, month_end, seed=2)


def flooded(of: Class) -> Iterator[Job]:
    """A usual day, on which one tenant sends at eleven what all others send in an hour and a half of that."""
    yield from _drawn(of, office, seed=3)
    chance = Random(4)
    for number in range(int(of.busiest * 1.5 * HOUR)):
        yield Job(11 * HOUR + number * 0.01, of.seconds(chance), NORMAL, TENANTS)


def stuck(of: Class) -> Iterator[Job]:
    """A usual day, on which six jobs in the morning hang until their time is over (WHARF_TIME_LIMIT)."""
    yield from _drawn(of, office, seed=5)
    for number in range(6):
        yield Job(9.5 * HOUR + number * 30, 900.0, NORMAL, number)


DAYS: dict[str, Callable[[Class], Iterator[Job]]] = {
    "office": usual,
    "month end": at_month_end,
    "flood": flooded,
    "stuck": stuck,
}


def day(name: str, of: Class) -> list[Job]:
    """All of a day's jobs, in order."""
    return sorted(DAYS[name](of), key=lambda job: job.at)


def _drawn(of: Class, shape: Callable[[float], float], seed: int) -> Iterator[Job]:
    """Poisson's arrivals: drawn for the most there ever is, and thinned."""
    chance = Random(f"{of.queue} {seed}")
    most = of.busiest * MONTH_END
    at = 0.0
    while (at := at + chance.expovariate(most)) < DAY:
        if chance.random() * most < of.busiest * shape(at / HOUR):
            (priority,) = chance.choices(range(4), SHARES)
            yield Job(at, of.seconds(chance), priority, chance.randrange(TENANTS))
