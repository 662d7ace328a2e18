"""The results as a page for people and as JSON for comparisons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench import page
from bench.badrows import BadRows
from bench.costs import BLIND, WATCHED, Costs
from bench.course import Found
from bench.imports import Size
from bench.modes import Case
from bench.neighbours import PACKAGE_ROWS, Neighbours
from bench.noops import Noops
from bench.packages import Packages
from bench.pickup import Pickup
from bench.promises import Promise
from bench.saturation import Saturation, Side
from bench.submits import Submits, percentile
from bench.ticks import Ticks

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "bench" / "results"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run measured."""

    machine: dict[str, str]
    found: Found
    seconds: float

    def text(self) -> str:
        """The page, with the sections of what was measured."""
        head = page.HEAD.format(day=datetime.now(UTC).date().isoformat())
        where = "\n".join(f"- {name}: {value}" for name, value in self.machine.items())
        tail = page.TAIL.format(machine=where, minutes=max(1.0, self.seconds / 60))
        return "\n".join([head, *self._sections(), tail])

    def _sections(self) -> Iterator[str]:
        found = self.found
        if found.imports:
            yield _imports(found.imports)
        if found.modes:
            yield _modes(found.modes)
        if found.badrows:
            yield _badrows(found.badrows)
        if found.submits:
            yield _submits(found.submits)
        if found.saturation:
            yield _saturation(found.saturation)
        if found.noops or found.pickup:
            yield "".join([page.JOBS, *_jobs(found)])
        yield from _beside(found)
        if found.packages:
            yield _packages(found.packages)
        if found.neighbours:
            yield _neighbours(found.neighbours)
        if found.promises:
            yield _promises(found.promises)

    def save(self) -> Path:
        """Write the raw figures into a new file; its path."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        document = {"machine": self.machine} | self.found.as_dict()
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        return path


def _imports(sizes: list[Size]) -> str:
    return page.IMPORTS.format(
        rounds=", ".join(sorted({str(len(size.rounds)) for size in sizes})),
        imports="\n".join(_import_line(size) for size in sizes),
    )


def _modes(cases: list[Case]) -> str:
    lines = "\n".join(map(_case_line, cases))
    return page.MODES.format(rows=f"{cases[0].rows:,}", rounds=len(cases[0].imported), modes=lines)


def _case_line(case: Case) -> str:
    bare, ratio = (f"{median(case.bare):.2f} s", f"{case.to_bare:.2f}") if case.bare else ("", "")
    imported, undone = (f"{median(seconds):.2f} s" for seconds in (case.imported, case.undone))
    return f"| {case.name} | {bare} | {imported} | {ratio} | {undone} | {case.undo_to_import:.2f} |"


def _badrows(badrows: BadRows) -> str:
    return page.BAD_ROWS.format(
        rows=f"{badrows.rows:,}",
        rounds=len(badrows.bad),
        good=median(badrows.good),
        bad=median(badrows.bad),
        ratio=badrows.ratio,
    )


def _submits(submits: Submits) -> str:
    return page.SUBMITS.format(
        count=f"{len(submits.latencies):,}",
        file_kb=submits.bytes / 1000,
        rate=submits.rate,
        submits=_latency_line("until the 202", submits.latencies),
        files_a_second=len(submits.latencies) / (submits.seconds + submits.drained),
        drained=submits.drained,
    )


def _saturation(saturation: Saturation) -> str:
    return page.SATURATION.format(
        clients=saturation.clients,
        file_kb=saturation.bytes / 1000,
        wharf=_side_line("Wharf", saturation.wharf),
        bare=_side_line("bare endpoint", saturation.bare),
        ratio=saturation.ratio,
        turns=len(saturation.wharf.rates),
        published=saturation.published,
    )


def _jobs(found: Found) -> Iterator[str]:
    if found.noops:
        yield _noops(found.noops)
    if found.pickup:
        yield _pickup(found.pickup)


def _noops(noops: Noops) -> str:
    return page.NOOPS.format(
        jobs=f"{noops.jobs:,}",
        rounds=len(noops.wharf),
        wharf=median(noops.wharf),
        commits=median(noops.commits),
        plain=median(noops.plain),
        to_commits=noops.ratio("commits"),
        to_plain=noops.ratio("plain"),
    )


def _pickup(pickup: Pickup) -> str:
    lines = (_latency_line("Wharf", pickup.wharf), _latency_line("plain Celery", pickup.plain))
    return page.PICKUP.format(rate=pickup.rate, seconds=pickup.seconds, pickup="\n".join(lines))


def _beside(found: Found) -> Iterator[str]:
    """What has servers of its own."""
    if found.ticks:
        yield _ticks(found.ticks)
    if found.costs:
        yield _costs(found.costs)


def _ticks(ticks: Ticks) -> str:
    parts = {
        "nothing is due": ticks.idle,
        "a second has passed": ticks.steady,
        "all are due at once": ticks.at_once,
    }
    lines = "\n".join(_latency_line(name, seconds) for name, seconds in parts.items())
    return page.TICKS.format(schedules=f"{ticks.schedules:,}", ticks=lines, all=sum(ticks.at_once))


def _costs(costs: Costs) -> str:
    names = {"submit": "a submit, gateway", "small": "an import of 20 rows, workers", "large": "one of 100,000 rows"}
    return page.COSTS.format(
        rounds=len(costs.more("submit")),
        costs="\n".join(_cost_line(costs, measure, name) for measure, name in names.items()),
        submit=1000 * median(costs.more("submit")),
        share=100 * costs.share("large"),
    )


def _cost_line(costs: Costs, measure: str, name: str) -> str:
    watched, blind = (1000 * costs.median(side, measure) for side in (WATCHED, BLIND))
    more = [1000 * seconds for seconds in costs.more(measure)]
    shown = f"{median(more):+.2f} ms ({more[0]:+.2f} to {more[-1]:+.2f})"
    return f"| {name} | {watched:.2f} ms | {blind:.2f} ms | {shown} | {100 * costs.share(measure):+.1f} % |"


def _packages(found: Packages) -> str:
    return page.PACKAGES.format(
        rows=f"{found.rows:,}",
        pages=f"{found.pages:,}",
        ours=found.ours,
        usual=found.usual,
        bare_pdf=found.bare_pdf,
        bare_workbook=found.bare_workbook,
        times_faster=found.times_faster,
        large_pages=f"{found.large_pages:,}",
        large_seconds=found.large_seconds,
        per_page=found.per_page,
        large_memory=found.large_memory / 1e6,
        cells_rows=f"{found.cells_rows:,}",
        cells_ours=found.cells_ours,
        cells_streamed=found.cells_streamed,
        cells_ratio=found.cells_streamed / found.cells_ours,
    )


def _neighbours(found: Neighbours) -> str:
    return page.NEIGHBOURS.format(
        rows=f"{found.rows:,}",
        package_rows=f"{PACKAGE_ROWS:,}",
        alone=f"{median(found.alone):,.0f}",
        packages=f"{median(found.packages):,.0f}",
        around=f"{median(found.around):,.0f}",
        backup=f"{median(found.backup):,.0f}",
        beside_packages=found.beside_packages,
        beside_backup=found.beside_backup,
        share=median(found.shares),
        rest=1 - median(found.shares),
        made=found.made,
        backed_up=found.backed_up / 1e9,
        backups=len(found.backup),
        backup_seconds=found.backup_seconds,
    )


def _promises(promises: list[Promise]) -> str:
    return page.PROMISES.format(
        promises="\n".join(f"| {p.system} | {p.what} | {p.theirs} | {p.ours} |" for p in promises)
    )


def _import_line(size: Size) -> str:
    imported = size.median("imported")
    peak = max(one.peak_memory for one in size.rounds)
    cells = (
        f"{size.rows:,}", f"{size.bytes / 1e6:.1f} MB", f"{size.median('copied'):.2f} s", f"{imported:.2f} s",
        f"{size.rows / imported:,.0f}", f"{size.ratio:.2f}", f"{size.median('submitted') * 1000:.0f} ms",
        f"{median(one.waited for one in size.rounds) * 1000:.0f} ms", f"{peak / 1e6:.0f} MB",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _latency_line(name: str, values: list[float]) -> str:
    cells = (percentile(values, 50), percentile(values, 95), percentile(values, 99), max(values))
    return f"| {name} | {' | '.join(f'{cell * 1000:.1f} ms' for cell in cells)} |"


def _side_line(name: str, side: Side) -> str:
    p50, p95 = (1000 * percentile(side.latencies, percent) for percent in (50, 95))
    return f"| {name} | {median(side.rates):.0f} | {p50:.1f} ms | {p95:.1f} ms |"
