"""Imports beside other work on the same machine: two packages at once, and a backup."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import psycopg

from bench.imports import LONGEST, completed, followed
from bench.processor import spent
from wharf.client.api import WharfClient
from wharf.local.connection import Connection
from wharf.local.samples import write_transactions

PACKAGES = 2
PACKAGE_ROWS = 20_000
HELD_FILE_ROWS = 1_000_000
MOST_BESIDE = 5
"""Imports beside a backup: it rests while others work, and would never end beside imports without end."""
SERVED = "SELECT pid FROM pg_stat_activity WHERE application_name = 'package-worker'"
SIZE = "SELECT pg_database_size(current_database())"


@dataclass(slots=True)
class Neighbours:
    """Rows a second, each import's: alone, beside packages, beside a backup of `backed_up` bytes, and `around` that.

    A dataset that has grown takes new rows more slowly: what is compared was measured right before or after.

    `shares` are those of the machine's processor time that the packages had during the imports beside them, their
    PostgreSQL connections included.
    """

    rows: int
    alone: list[float] = field(default_factory=list)
    packages: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    made: int = 0
    around: list[float] = field(default_factory=list)
    backup: list[float] = field(default_factory=list)
    backed_up: int = 0
    backup_seconds: float = 0.0

    @property
    def beside_packages(self) -> float:
        """The part of its rate that an import keeps."""
        return median(self.packages) / median(self.alone)

    @property
    def beside_backup(self) -> float:
        """The same beside a backup."""
        return median(self.backup) / median(self.around)

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self) | {"beside_packages": self.beside_packages, "beside_backup": self.beside_backup}


@dataclass
class NeighbourBench:
    """Measures on a running stack; `folder` holds the files."""

    connection: Connection
    folder: Path
    _files: int = 0

    def measure(self, rows: int, held: int, rounds: int, on_step: Callable[[], None]) -> Neighbours:
        """Imports of `rows`, each with keys of its own; the backup is of a ledger that holds `held` rows besides."""
        found = Neighbours(rows)
        with self._client() as wharf:
            self._hold(wharf, held, on_step)
            self._import(wharf, PACKAGE_ROWS, "packages")
            for _ in range(rounds):
                found.alone.append(self._rate(wharf, rows))
                self._beside_packages(wharf, found)
                on_step()
            found.around.append(self._rate(wharf, rows))
            self._beside_backup(wharf, found)
            found.around.append(self._rate(wharf, rows))
        on_step()
        return found

    def _client(self) -> WharfClient:
        return WharfClient(self.connection.url, self.connection.api_key, timeout=600)

    def _hold(self, wharf: WharfClient, rows: int, on_step: Callable[[], None]) -> None:
        for _ in range(0, rows, HELD_FILE_ROWS):
            self._import(wharf, min(rows, HELD_FILE_ROWS), "held")
            on_step()

    def _rate(self, wharf: WharfClient, rows: int) -> float:
        return rows / self._import(wharf, rows, "default")

    def _import(self, wharf: WharfClient, rows: int, project: str) -> float:
        """Seconds from the first byte to the end, of a file of new rows."""
        self._files += 1
        path = self.folder / f"neighbours-{self._files}.csv"
        write_transactions(path, rows, seed=self._files, most_lines=1, totals=True, prefix=f"B{self._files}-")
        started = time.perf_counter()
        answer = wharf.upload(path, profile="transactions", project_id=project)
        completed(followed(wharf, answer["job_id"]))
        seconds = time.perf_counter() - started
        path.unlink()
        return seconds

    def _beside_packages(self, wharf: WharfClient, found: Neighbours) -> None:
        with self._packages(found):
            before, started = self._spent(), time.perf_counter()
            found.packages.append(self._rate(wharf, found.rows))
            seconds = time.perf_counter() - started
            found.shares.append((self._spent() - before) / seconds / (psutil.cpu_count() or 1))

    @contextmanager
    def _packages(self, found: Neighbours) -> Iterator[None]:
        """So many are always being made, one after the other."""
        ended = threading.Event()
        makers = [threading.Thread(target=self._make, args=(ended, found)) for _ in range(PACKAGES)]
        for maker in makers:
            maker.start()
        try:
            yield
        finally:
            ended.set()
            for maker in makers:
                maker.join()

    def _make(self, ended: threading.Event, found: Neighbours) -> None:
        with self._client() as wharf:
            while not ended.is_set():
                answer = wharf.make_package(
                    "transactions_report", project_id="packages", formats=("xlsx", "pdf"), force=True
                )
                completed(wharf.wait(answer["job_id"], timeout=LONGEST))
                found.made += 1

    def _spent(self) -> float:
        with psycopg.connect(self.connection.database_url) as ledger:
            servers = [pid for (pid,) in ledger.execute(SERVED)]
        workers = [pid for name, pid in self.connection.processes.items() if name.startswith("package")]
        return spent([*workers, *servers])

    def _beside_backup(self, wharf: WharfClient, found: Neighbours) -> None:
        """Imports that ended before the backup did."""
        with psycopg.connect(self.connection.database_url) as ledger:
            (found.backed_up,) = ledger.execute(SIZE).fetchone() or (0,)
        with WharfClient(self.connection.url, self.connection.platform_key) as platform:
            job_id, started = platform.make_backup().job_id, time.perf_counter()
            for _ in range(MOST_BESIDE):
                rate = self._rate(wharf, found.rows)
                if platform.job(job_id).ended:
                    break
                found.backup.append(rate)
            completed(platform.wait(job_id, timeout=LONGEST))
        found.backup_seconds = time.perf_counter() - started
        if not found.backup:
            message = f"The backup ended before an import of {found.rows:,} rows did."
            raise RuntimeError(message)
