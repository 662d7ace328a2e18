"""What metrics and log lines cost: processor time of the services beside the same ones without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.blind import blind_services
from bench.imports import LONGEST, completed, settle, warm_up
from bench.processor import spent
from wharf.client.api import WharfClient
from wharf.local.connection import Connection
from wharf.local.samples import write_transactions
from wharf.local.services import Services, wharf_services
from wharf.local.stack import LocalStack

FILES, FILE_ROWS = 60, 20
LARGE, LARGE_ROWS = 6, 100_000
WATCHED, BLIND = "watched", "blind"
MEASURES = ("submit", "small", "large")


@dataclass(slots=True)
class Costs:
    """By side and measure each round's seconds of processor: of one submit, of one import of few rows, of many."""

    rounds: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: {side: {name: [] for name in MEASURES} for side in (WATCHED, BLIND)}
    )

    def note(self, side: str, seconds: dict[str, float]) -> None:
        """What a round of that side took."""
        for measure, taken in seconds.items():
            self.rounds[side][measure].append(taken)

    def median(self, side: str, measure: str) -> float:
        """Of the rounds."""
        return median(self.rounds[side][measure])

    def more(self, measure: str) -> list[float]:
        """How much more the watched side took, each round, least first."""
        sides = (self.rounds[WATCHED][measure], self.rounds[BLIND][measure])
        return sorted(watched - blind for watched, blind in zip(*sides, strict=True))

    def share(self, measure: str) -> float:
        """The median of that as a part of what it takes blind."""
        return median(self.more(measure)) / self.median(BLIND, measure)

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self) | {"share": {name: self.share(name) for name in MEASURES}}


@dataclass(frozen=True)
class Side:
    """A running stack, and a client of it."""

    connection: Connection
    wharf: WharfClient

    def small(self, folder: Path, number: int) -> dict[str, float]:
        """One round of files of few rows, the same for both sides: a submit of one, and an import."""
        files = [_file(folder, FILE_ROWS, f"S{number}N{nth}-") for nth in range(FILES)]
        taken, worked = self._spent("gateway"), self._spent("ingest")
        jobs = [self.wharf.upload(path, profile="transactions")["job_id"] for path in files]
        taken = self._spent("gateway") - taken
        for job_id in jobs:
            completed(self.wharf.wait(job_id, timeout=LONGEST))
        return {"submit": taken / FILES, "small": (self._spent("ingest") - worked) / FILES}

    def large(self, folder: Path, number: int) -> dict[str, float]:
        """One round of files of many rows."""
        files = [_file(folder, LARGE_ROWS, f"L{number}N{nth}-") for nth in range(LARGE)]
        settle(self.connection.database_url)
        worked = self._spent("ingest")
        for path in files:
            completed(self.wharf.wait(self.wharf.upload(path, profile="transactions")["job_id"], timeout=LONGEST))
        return {"large": (self._spent("ingest") - worked) / LARGE}

    def _spent(self, service: str) -> float:
        """Seconds of processor that the processes of a service have had until now."""
        return spent(pid for name, pid in self.connection.processes.items() if name.startswith(service))


def _by_turns(number: int, sides: dict[str, Side]) -> list[tuple[str, Side]]:
    return list(sides.items())[:: -1 if number % 2 else 1]


def _file(folder: Path, rows: int, prefix: str) -> Path:
    path = folder / f"costs-{prefix}{rows}.csv"
    write_transactions(path, rows, seed=rows, most_lines=1, totals=True, prefix=prefix)
    return path


SERVICES: dict[str, Services] = {WATCHED: wharf_services, BLIND: blind_services}


@dataclass(frozen=True)
class CostBench:
    """Measures on two new stacks of its own: one that has worked before takes more for the same than a new one."""

    folder: Path

    def measure(self, rounds: int, on_side: Callable[[], None]) -> Costs:
        """`rounds` of both sides; which one comes first changes from round to round.

        First those of small files: what the server has to do after large ones would be part of them.
        """
        found = Costs()
        with self._side(WATCHED) as watched, self._side(BLIND) as blind:
            for part in (Side.small, Side.large):
                for number in range(rounds):
                    for name, side in _by_turns(number, {WATCHED: watched, BLIND: blind}):
                        found.note(name, part(side, self.folder, number))
                        on_side()
        return found

    @contextmanager
    def _side(self, name: str) -> Iterator[Side]:
        folder = self.folder / name
        folder.mkdir()
        with (
            LocalStack(folder / "data", port=0, discard=True, services=SERVICES[name]) as stack,
            WharfClient(stack.connection.url, stack.connection.api_key, timeout=600) as wharf,
        ):
            warm_up(wharf, folder)
            yield Side(stack.connection, wharf)
