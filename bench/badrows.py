"""Files of which every row is bad beside good ones: what goes wrong must not take longer than what goes well."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.imports import ASK_SECONDS, LONGEST, completed, settle
from wharf.client.api import WharfClient
from wharf.local.connection import Connection
from wharf.local.samples import write_transactions


@dataclass(slots=True)
class BadRows:
    """Seconds of both kinds of file, from the first byte of the upload to `completed`."""

    rows: int
    good: list[float] = field(default_factory=list)
    bad: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How many times as long a bad file takes."""
        return median(self.bad) / median(self.good)

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self) | {"ratio": self.ratio}


@dataclass(frozen=True)
class BadRowsBench:
    """Measures on a running stack; `folder` holds the files."""

    connection: Connection
    wharf: WharfClient
    folder: Path

    def measure(self, rows: int, rounds: int, on_round: Callable[[], None]) -> BadRows:
        """`rounds` files of each kind; which kind comes first changes from round to round."""
        found = BadRows(rows)
        for number in range(rounds):
            kinds = [(0, found.good), (rows, found.bad)]
            for bad, seconds in kinds if number % 2 == 0 else reversed(kinds):
                seconds.append(self._import(rows, bad, number))
            on_round()
        return found

    def _import(self, rows: int, bad: int, number: int) -> float:
        path = self.folder / f"bad-{bad}-{number}.csv"
        write_transactions(path, rows, seed=number, bad=bad, most_lines=1, totals=True, prefix=f"B{bad}R{number}-")
        settle(self.connection.database_url)
        started = time.perf_counter()
        answer = self.wharf.upload(path, profile="transactions")
        job = self.wharf.wait(answer["job_id"], timeout=LONGEST, interval=ASK_SECONDS)
        seconds = time.perf_counter() - started
        if (rejected := completed(job)["rejected"]) != bad:
            raise RuntimeError(f"{rejected} rows were rejected instead of {bad}.")
        path.unlink()
        return seconds
