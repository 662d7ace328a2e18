"""Upserts and replacements beside a bare upsert of the same file, and the undo of each beside its import."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.bare_upsert import bare_upsert
from bench.imports import ImportBench, checkpoint, completed, followed, settle
from wharf.local.samples import write_transactions

CASES = ("new rows", "all changed", "none changed", "replaced")
BESIDE = {"all changed": "changed", "none changed": "same"}
"""Cases that have a yardstick, and with which file."""
EXPECTED = {"new rows": "inserted", "all changed": "updated", "none changed": "unchanged", "replaced": "inserted"}


@dataclass(slots=True)
class Case:
    """One case, all rounds; seconds. `bare` is empty where there is nothing to compare with."""

    name: str
    rows: int
    imported: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    undone: list[float] = field(default_factory=list)

    @property
    def to_bare(self) -> float | None:
        """The import's time as a multiple of the bare upsert's."""
        return median(self.imported) / median(self.bare) if self.bare else None

    @property
    def undo_to_import(self) -> float:
        """The undo's time as a multiple of its import's."""
        return median(self.undone) / median(self.imported)

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self) | {"to_bare": self.to_bare, "undo_to_import": self.undo_to_import}


@dataclass(frozen=True)
class ModeBench:
    """Measures on a running stack, with the files and the stack of `imports`."""

    imports: ImportBench

    def measure(self, rows: int, rounds: int, on_step: Callable[[], None]) -> list[Case]:
        """Each round begins with an empty dataset, and leaves one."""
        cases = {name: Case(name, rows) for name in CASES}
        files = {"same": self._file("same", rows, seed=1), "changed": self._file("changed", rows, seed=2)}
        for _ in range(rounds):
            for name, case in cases.items():
                self._round(case, files)
                if name in BESIDE:
                    settle(self.imports.connection.database_url)
                    case.bare.append(bare_upsert(self._url, files["same"], files[BESIDE[name]]))
                on_step()
        return list(cases.values())

    def _round(self, case: Case, files: dict[str, Path]) -> None:
        settle(self.imports.connection.database_url)
        if case.name != "new rows":
            self._load(files["same"])
            checkpoint(self.imports.connection.database_url)
        path = files["same" if case.name in {"new rows", "none changed"} else "changed"]
        seconds, job_id, result = self._load(path, mode="replace" if case.name == "replaced" else None)
        if result[EXPECTED[case.name]] != case.rows:
            raise RuntimeError(f"{case.name}: {result} instead of {case.rows} rows")
        case.imported.append(seconds)
        checkpoint(self.imports.connection.database_url)
        case.undone.append(self._undo(job_id))

    def _load(self, path: Path, mode: str | None = None) -> tuple[float, str, dict[str, Any]]:
        started = time.perf_counter()
        answer = self.imports.wharf.upload(path, profile="transactions", mode=mode)
        job = followed(self.imports.wharf, answer["job_id"])
        return time.perf_counter() - started, job.job_id, completed(job)

    def _undo(self, job_id: str) -> float:
        started = time.perf_counter()
        job = self.imports.wharf.undo(job_id)
        completed(followed(self.imports.wharf, job.job_id))
        return time.perf_counter() - started

    def _file(self, name: str, rows: int, seed: int) -> Path:
        path = self.imports.folder / f"modes-{name}.csv"
        write_transactions(path, rows, seed=seed, most_lines=1, totals=True, prefix="M-")
        return path

    @property
    def _url(self) -> str:
        return self.imports.connection.database_url
