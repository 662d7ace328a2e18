"""The parts of a run, one after the other on the same stack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from rich.progress import Progress

from bench.badrows import BadRows, BadRowsBench
from bench.costs import CostBench, Costs
from bench.floors import PlainWorker, bare_endpoint_url, plain_worker
from bench.imports import ImportBench, Size
from bench.jobs import room
from bench.modes import CASES, Case, ModeBench
from bench.neighbours import HELD_FILE_ROWS, NeighbourBench, Neighbours
from bench.noops import NoopBench, Noops
from bench.packages import STEPS, PackageBench, Packages
from bench.pickup import RATE as PICKUP_RATE
from bench.pickup import Pickup, measure_pickup
from bench.promises import PROMISES, Promise, PromiseBench
from bench.saturation import Saturation, SaturationBench
from bench.submits import RATE, Submits, measure_submits
from bench.ticks import Ticks, measure_ticks
from wharf.client.api import WharfClient
from wharf.local.connection import Connection

PARTS = (
    "pickup", "noops", "saturation", "submits", "ticks", "costs", "packages", "imports", "badrows", "modes", "promises",
    "neighbours",
)  # fmt: skip
"""In the order in which they are measured: what leaves most behind comes last."""
BESIDE_PLAIN = ("pickup", "noops")
"""Those that need the plain Celery worker beside the stack."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of everything.

    `bad` rows of a file; `seconds` of each steady rate, `turn` of a side's at saturation; `watched` rounds with and
    without metrics and logs.
    """

    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    bad: int = 200_000
    rounds: int = 3
    seconds: float = 10.0
    jobs: int = 1000
    turn: float = 2.0
    turns: int = 5
    watched: int = 9
    package: tuple[int, int, int] = (20_000, 190_000, 1_000_000)
    """Rows of both files, of a large PDF, of a large workbook."""
    neighbour: tuple[int, int] = (1_000_000, 4_000_000)
    """Rows of an import beside others, and of what the ledger holds while it is backed up."""

    @classmethod
    def quick(cls) -> Self:
        """Enough to see that it works, and about how well."""
        return cls(
            sizes=(10_000, 100_000),
            bad=50_000,
            rounds=1,
            seconds=2.0,
            jobs=300,
            turn=1.0,
            turns=1,
            watched=2,
            package=(5_000, 20_000, 100_000),
            neighbour=(50_000, 500_000),
        )

    def of_sizes(self, sizes: tuple[int, ...]) -> Self:
        """The same with other files."""
        return replace(self, sizes=sizes)


@dataclass(slots=True)
class Found:
    """What was measured; None or empty where it was not chosen."""

    pickup: Pickup | None = None
    noops: Noops | None = None
    saturation: Saturation | None = None
    submits: Submits | None = None
    packages: Packages | None = None
    imports: list[Size] = field(default_factory=list)
    modes: list[Case] = field(default_factory=list)
    badrows: BadRows | None = None
    promises: list[Promise] = field(default_factory=list)
    ticks: Ticks | None = None
    costs: Costs | None = None
    neighbours: Neighbours | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        names = ("pickup", "noops", "saturation", "submits", "ticks", "costs", "packages", "badrows", "neighbours")
        alone = {name: getattr(self, name) for name in names}
        return {name: one.as_dict() for name, one in alone.items() if one} | {
            "imports": [size.as_dict() for size in self.imports],
            "modes": [case.as_dict() for case in self.modes],
            "promises": [promise.as_dict() for promise in self.promises],
        }


@dataclass
class Course:
    """Runs the parts on a running stack; `folder` holds the files."""

    connection: Connection
    wharf: WharfClient
    folder: Path
    extent: Extent
    shown: Progress
    found: Found = field(default_factory=Found)

    def run(self, parts: tuple[str, ...]) -> Found:
        """Measure these `PARTS`."""
        if beside := [part for part in parts if part in BESIDE_PLAIN]:
            self._beside_plain(beside)
        todo: dict[str, Callable[[], None]] = {
            "saturation": self._saturation,
            "submits": self._submits,
            "ticks": self._ticks,
            "costs": self._costs,
            "packages": self._packages,
            "imports": self._imports,
            "modes": self._modes,
            "badrows": self._badrows,
            "promises": self._promises,
            "neighbours": self._neighbours,
        }
        for part in parts:
            if part in todo:
                todo[part]()
        return self.found

    def _beside_plain(self, parts: list[str]) -> None:
        with plain_worker(self.connection, self.folder) as plain, room(self.connection.database_url):
            todo = {"pickup": self._pickup, "noops": self._noops}
            for part in parts:
                todo[part](plain)

    def _bar(self, description: str, total: int) -> Callable[[], None]:
        return partial(self.shown.advance, self.shown.add_task(description, total=total))

    def _pickup(self, plain: PlainWorker) -> None:
        seconds = self.extent.seconds
        step = self._bar(f"pick-up, {PICKUP_RATE} jobs a second", 2 * int(PICKUP_RATE * seconds))
        self.found.pickup = measure_pickup(self.connection, plain, seconds, step)

    def _noops(self, plain: PlainWorker) -> None:
        step = self._bar("jobs that do nothing", 3 * self.extent.rounds)
        self.found.noops = NoopBench(self.connection, plain).measure(self.extent.jobs, self.extent.rounds, step)

    def _saturation(self) -> None:
        step = self._bar("submits at saturation", 2 * self.extent.turns + 1)
        with bare_endpoint_url(self.connection, self.folder) as url, room(self.connection.database_url):
            bench = SaturationBench(self.connection, self.folder, url)
            self.found.saturation = bench.measure(self.extent.turn, self.extent.turns, step)

    def _submits(self) -> None:
        seconds = self.extent.seconds
        step = self._bar(f"submits, {RATE} a second", int(RATE * seconds))
        self.found.submits = measure_submits(self.wharf, self.folder, seconds, step)

    def _ticks(self) -> None:
        self.found.ticks = measure_ticks(self.folder, self._bar("ticks of the scheduler", 3))

    def _costs(self) -> None:
        step = self._bar("metrics and logs", 4 * self.extent.watched)
        self.found.costs = CostBench(self.folder).measure(self.extent.watched, step)

    def _packages(self) -> None:
        workers = tuple(pid for name, pid in self.connection.processes.items() if name.startswith("package"))
        bench = PackageBench(self.wharf, self.folder, workers)
        step = self._bar("packages", STEPS)
        self.found.packages = bench.measure(*self.extent.package, self.extent.rounds, step)

    def _imports(self) -> None:
        bench = ImportBench(self.connection, self.wharf, self.folder, self._importers())
        steps = {rows: self._bar(f"imports of {rows:,} rows", self.extent.rounds) for rows in self.extent.sizes}
        self.found.imports = [bench.measure(rows, self.extent.rounds, step) for rows, step in steps.items()]

    def _modes(self) -> None:
        rows, rounds = max(self.extent.sizes), self.extent.rounds
        bench = ImportBench(self.connection, self.wharf, self.folder, self._importers())
        step = self._bar(f"modes and undo, {rows:,} rows", len(CASES) * rounds)
        self.found.modes = ModeBench(bench).measure(rows, rounds, step)

    def _badrows(self) -> None:
        step = self._bar("files of bad rows", self.extent.rounds)
        bench = BadRowsBench(self.connection, self.wharf, self.folder)
        self.found.badrows = bench.measure(self.extent.bad, self.extent.rounds, step)

    def _promises(self) -> None:
        step = self._bar("numbers of the five systems", PROMISES)
        bench = PromiseBench(self.wharf, self.folder, self._importers())
        self.found.promises = bench.measure(step)

    def _neighbours(self) -> None:
        (rows, held), rounds = self.extent.neighbour, self.extent.rounds
        step = self._bar("imports beside other work", held // HELD_FILE_ROWS + rounds + 1)
        bench = NeighbourBench(self.connection, self.folder)
        self.found.neighbours = bench.measure(rows, held, rounds, step)

    def _importers(self) -> tuple[int, ...]:
        """Large files may have workers of their own."""
        return tuple(pid for name, pid in self.connection.processes.items() if name.startswith("ingest"))
