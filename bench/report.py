"""The results as a page for people and as JSON for comparisons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.imports import Size
from bench.promises import Promise
from bench.submits import Submits, percentile

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "bench" / "results"
TEXT = """\
# Benchmarks

Made by `make bench` on {day}; do not edit. Figures of different machines or runs say little beside each other:
compare within one run, ratios above all.

## Imports

A CSV of new transactions (one line each), from the first byte of the upload to `completed`, asked for through the
API; beside a bare single `COPY` of the same file into an ordinary table whose primary key is `transaction_id`, on the
same server. Both load into an empty table after a checkpoint, a new file each round, taking turns in who is first;
medians of the rounds ({rounds}). The import finds out the dialect, maps and types the columns, checks them and the key,
numbers the lines, keeps line and import with each row, and can be resumed; the bare COPY does none of that.

| rows | file | bare COPY | import | import, rows/s | speed / bare COPY | submit | picked up | peak worker memory |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{imports}

*Submit* is until the 202, the whole file included; *picked up* from the job's creation until a worker has it; the
memory is the peak resident set of the largest worker process during the import.

## Submits

{count} files of {file_kb:.1f} kB, {rate} a second, each with its own rows, while the workers import them on the same
machine; from the moment when a file was due.

| | p50 | p95 | p99 | max |
|---|---:|---:|---:|---:|
{submits}

With everything on this machine {files_a_second:.1f} such files a second are imported; the last one was done
{drained:.1f} s after the last 202.

## The numbers of the systems that it replaces

Theirs as their documents tell or ask for them, on their machines; ours on this one, one run each, through the API, from
the first byte sent to the end of the job.

| system | what | theirs | Wharf |
|---|---|---:|---:|
{promises}

## Where

{machine}

## Again

`make bench` (about {minutes:.0f} min here), `make bench ARGS='--rounds 5'`, `make bench ARGS=--quick` (prints only).
Every run leaves its raw figures in `bench/results`.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run measured."""

    machine: dict[str, str]
    sizes: list[Size]
    submits: Submits
    promises: list[Promise]
    seconds: float

    def text(self) -> str:
        """The page."""
        return TEXT.format(
            day=datetime.now(UTC).date().isoformat(),
            rounds=", ".join(sorted({str(len(size.rounds)) for size in self.sizes})),
            imports="\n".join(_import_line(size) for size in self.sizes),
            count=f"{len(self.submits.latencies):,}",
            file_kb=self.submits.bytes / 1000,
            rate=self.submits.rate,
            submits=_submit_line("until the 202", self.submits.latencies),
            files_a_second=len(self.submits.latencies) / (self.submits.seconds + self.submits.drained),
            drained=self.submits.drained,
            promises="\n".join(f"| {p.system} | {p.what} | {p.theirs} | {p.ours} |" for p in self.promises),
            machine="\n".join(f"- {name}: {value}" for name, value in self.machine.items()),
            minutes=max(1.0, self.seconds / 60),
        )

    def save(self) -> Path:
        """Write the raw figures into a new file; its path."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        document = {
            "machine": self.machine,
            "imports": [size.as_dict() for size in self.sizes],
            "submits": self.submits.as_dict(),
            "promises": [promise.as_dict() for promise in self.promises],
        }
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        return path


def _import_line(size: Size) -> str:
    imported = size.median("imported")
    peak = max(one.peak_memory for one in size.rounds)
    cells = (
        f"{size.rows:,}", f"{size.bytes / 1e6:.1f} MB", f"{size.median('copied'):.2f} s", f"{imported:.2f} s",
        f"{size.rows / imported:,.0f}", f"{size.ratio:.2f}", f"{size.median('submitted') * 1000:.0f} ms",
        f"{median(one.waited for one in size.rounds) * 1000:.0f} ms", f"{peak / 1e6:.0f} MB",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _submit_line(name: str, values: list[float]) -> str:
    cells = (percentile(values, 50), percentile(values, 95), percentile(values, 99), max(values))
    return f"| {name} | {' | '.join(f'{cell * 1000:.1f} ms' for cell in cells)} |"
