"""Packages through the API beside the usual way to write the same, and beside the bare floors of the libraries."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from bench.memory import PeakMemory
from bench.usual_package import bare_pdf, fast_workbook, streamed_workbook, timed, usual_pdf, usual_workbook
from wharf.client.api import WharfClient
from wharf.common.packages import LOCALES, package_named
from wharf.local.samples import write_transactions
from wharf.package_worker.content import Content, Filled, in_memory
from wharf.package_worker.workbook import write_xlsx

LONGEST = 600.0
ASK_SECONDS = 0.01
STEPS = 5
DETAILS = ("transaction_id", "date", "product_name", "store", "quantity", "unit_price", "total")


@dataclass(frozen=True, slots=True)
class Packages:
    """Seconds and sizes: of both files of `rows` rows, of a large PDF, of a large workbook."""

    rows: int
    pages: int
    ours: float
    usual: float
    bare_pdf: float
    bare_workbook: float
    large_pages: int
    large_seconds: float
    large_memory: int
    small_pdf: float
    cells_rows: int
    cells_ours: float
    cells_streamed: float

    @property
    def times_faster(self) -> float:
        """How many times faster than the usual way."""
        return self.usual / self.ours

    @property
    def per_page(self) -> float:
        """A page of the large PDF beside one of the small one."""
        return (self.large_seconds / self.large_pages) / (self.small_pdf / self.pages)

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self) | {"times_faster": self.times_faster, "per_page": self.per_page}


@dataclass(frozen=True)
class PackageBench:
    """Measures on a running stack; `workers` are the pids of the workers that make packages."""

    wharf: WharfClient
    folder: Path
    workers: tuple[int, ...]

    def measure(self, rows: int, large: int, cells: int, rounds: int, on_step: Callable[[], None]) -> Packages:
        """`rows` as both files, `large` as a PDF, `cells` rows of seven as a workbook."""
        ours, pages = self._both(rows, rounds)
        on_step()
        sample = _rows(rows)
        usual = timed(usual_workbook, sample, self.folder / "u.xlsx") + timed(usual_pdf, sample, self.folder / "u.pdf")
        on_step()
        floors = (timed(bare_pdf, sample, self.folder / "b.pdf"), timed(fast_workbook, sample, self.folder / "b.xlsx"))
        on_step()
        small, _, _ = self._pdf(f"bench-{rows}", rounds)
        self._load(large)
        large_seconds, large_pages, memory = self._pdf(f"bench-{large}", 1)
        on_step()
        cells_ours, cells_streamed = self._cells(cells)
        on_step()
        return Packages(
            rows,
            pages,
            ours,
            usual,
            *floors,
            large_pages,
            large_seconds,
            memory,
            small,
            cells,
            cells_ours,
            cells_streamed,
        )

    def _both(self, rows: int, rounds: int) -> tuple[float, int]:
        project = self._load(rows)
        found = [self._made(project, ("xlsx", "pdf")) for _ in range(rounds + 1)][1:]
        return median(seconds for seconds, _ in found), found[0][1]

    def _pdf(self, project: str, rounds: int) -> tuple[float, int, int]:
        with PeakMemory(*self.workers) as memory:
            found = [self._made(project, ("pdf",)) for _ in range(rounds)]
        return median(seconds for seconds, _ in found), found[0][1], memory.peak

    def _load(self, rows: int) -> str:
        path, project = self.folder / f"package-{rows}.csv", f"bench-{rows}"
        write_transactions(path, rows, seed=rows, totals=True)
        job = self.wharf.upload(path, profile="transactions", project_id=project)
        self.wharf.wait(job["job_id"], timeout=LONGEST)
        path.unlink()
        return project

    def _made(self, project: str, formats: tuple[str, ...]) -> tuple[float, int]:
        """Seconds from the submit to the end, and pages."""
        started = time.perf_counter()
        answer = self.wharf.make_package("transactions_report", project_id=project, formats=formats, force=True)
        job = self.wharf.wait(answer["job_id"], timeout=LONGEST, interval=ASK_SECONDS)
        seconds = time.perf_counter() - started
        if not job.succeeded or job.result is None:
            raise RuntimeError(f"The package ended as {job.status}: {job.error}")
        return seconds, job.result["pages"]

    def _cells(self, rows: int) -> tuple[float, float]:
        content, sample = _content(rows), _rows(rows)
        started = time.perf_counter()
        with (self.folder / "cells.xlsx").open("wb") as stream:
            write_xlsx(content, stream)
        return time.perf_counter() - started, timed(streamed_workbook, sample, self.folder / "cells-u.xlsx")


def _rows(rows: int) -> list[tuple[Any, ...]]:
    at = datetime(2025, 1, 1, 9, 30)  # noqa: DTZ001 - workbooks have no zones
    return [(f"T{n:08d}", at, f"Thing {n % 200}", f"Store {n % 9}", n % 40, 12.5, 12.5 * (n % 40)) for n in range(rows)]


def _content(rows: int) -> Content:
    """The same as a package of one section."""
    kind = package_named("transactions_report")
    section = next(one for one in kind.sections if one.name == "details")
    names, *columns = DETAILS, *zip(*_rows(min(rows, 10_000)), strict=True)
    money = pa.decimal128(38, 6)
    kinds = (pa.string(), pa.timestamp("us", "UTC"), pa.string(), pa.string(), pa.int64(), money, money)
    arrays = [pa.array(_exact(values, kind_), kind_) for values, kind_ in zip(columns, kinds, strict=True)]
    table = pa.concat_tables([pa.table(dict(zip(names, arrays, strict=True)))] * max(rows // 10_000, 1))
    filled = Filled(section, table.num_rows, in_memory(table))
    return Content(kind, (filled,), LOCALES["en"], "bench", "bench", datetime(2025, 1, 1, tzinfo=UTC))


def _exact(values: tuple[Any, ...], kind: pa.DataType) -> list[Any]:
    return [Decimal(str(value)) for value in values] if pa.types.is_decimal(kind) else list(values)
