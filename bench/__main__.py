"""`python -m bench`: start the stack, measure, write `docs/benchmarks.md`, stop."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.course import PARTS, Course, Extent
from bench.imports import warm_up
from bench.machine import machine
from bench.report import PAGE, Report
from wharf.client.api import WharfClient
from wharf.client.failure import ClientError
from wharf.local.failure import StartFailed
from wharf.local.stack import LocalStack


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the command line asks for."""

    parts: tuple[str, ...]
    extent: Extent
    for_docs: bool


def run(folder: Path, chosen: Chosen) -> Report:
    """Measure what was chosen on a new stack in `folder`."""
    begun = time.monotonic()
    with (
        LocalStack(folder / "data", port=0, discard=True, say=lambda line: print(line, file=sys.stderr)) as stack,
        WharfClient(stack.connection.url, stack.connection.api_key, timeout=600) as wharf,
        progress() as shown,
    ):
        warm_up(wharf, folder)
        course = Course(stack.connection, wharf, folder, chosen.extent, shown)
        found = course.run(chosen.parts)
        where = machine(stack.connection.database_url)
    return Report(where, found, time.monotonic() - begun)


def progress() -> Progress:
    """A bar for each measurement; on a pipe only its last state."""
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))


def parts_of(text: str) -> tuple[str, ...]:
    """The parts of a list with commas, in the order in which they are measured."""
    named = {name.strip() for name in text.split(",")}
    if unknown := named - set(PARTS):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return tuple(part for part in PARTS if part in named)


def choose() -> Chosen:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything, nothing written to docs")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each size of file, and of jobs (3)")
    parser.add_argument("--rows", type=int, action="append", help="this size instead; may be repeated")
    parser.add_argument("--only", type=parts_of, help=f"these parts of {','.join(PARTS)}; nothing written to docs")
    said = parser.parse_args()
    extent = Extent.quick() if said.quick else Extent(rounds=max(said.rounds, 1))
    extent = extent.of_sizes(tuple(said.rows)) if said.rows else extent
    return Chosen(said.only or PARTS, extent, for_docs=not (said.quick or said.rows or said.only))


def main() -> None:
    """Measure, print, keep."""
    chosen = choose()
    try:
        with tempfile.TemporaryDirectory(prefix="wharf-bench-", ignore_cleanup_errors=True) as folder:
            report = run(Path(folder), chosen)
    except (StartFailed, ClientError) as failure:
        sys.exit(f"bench: {failure.message}")
    print(report.text())
    print(f"Raw figures: {report.save()}")
    if chosen.for_docs:
        PAGE.write_text(report.text(), encoding="utf-8")


if __name__ == "__main__":
    main()
