"""`python -m bench`: start the stack, measure, write `docs/benchmarks.md`, stop."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.imports import ImportBench, warm_up
from bench.machine import machine
from bench.promises import PROMISES, PromiseBench
from bench.report import PAGE, Report
from bench.submits import RATE, measure_submits
from wharf.client.api import WharfClient
from wharf.client.failure import ClientError
from wharf.local.failure import StartFailed
from wharf.local.stack import LocalStack

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (10_000, 100_000)


def run(folder: Path, sizes: tuple[int, ...], rounds: int, seconds: float) -> Report:
    """Measure everything on a new stack in `folder`."""
    begun = time.monotonic()
    with (
        LocalStack(folder / "data", port=0, discard=True, say=lambda line: print(line, file=sys.stderr)) as stack,
        WharfClient(stack.connection.url, stack.connection.api_key, timeout=600) as wharf,
        progress() as shown,
    ):
        connection = stack.connection
        warm_up(wharf, folder)
        bench = ImportBench(connection, wharf, folder, connection.processes["ingest-worker"])
        submitting = shown.add_task(f"submits, {RATE} a second", total=int(RATE * seconds))
        tasks = {rows: shown.add_task(f"imports of {rows:,} rows", total=rounds) for rows in sizes}
        submits = measure_submits(wharf, folder, seconds, lambda: shown.advance(submitting))
        measured = [bench.measure(rows, rounds, partial(shown.advance, tasks[rows])) for rows in sizes]
        promising = shown.add_task("numbers of the five systems", total=PROMISES)
        promises = PromiseBench(wharf, folder, connection.processes["ingest-worker"])
        promised = promises.measure(lambda: shown.advance(promising))
        where = machine(connection.database_url)
    return Report(where, measured, submits, promised, time.monotonic() - begun)


def progress() -> Progress:
    """A bar for each measurement; on a pipe only its last state."""
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of small files, nothing written to docs")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each size (3)")
    parser.add_argument("--rows", type=int, action="append", help="this size instead; may be repeated")
    chosen = parser.parse_args()
    sizes = tuple(chosen.rows or (QUICK_SIZES if chosen.quick else SIZES))
    rounds, seconds = (1, 2.0) if chosen.quick else (max(chosen.rounds, 1), 10.0)
    try:
        with tempfile.TemporaryDirectory(prefix="wharf-bench-", ignore_cleanup_errors=True) as folder:
            report = run(Path(folder), sizes, rounds, seconds)
    except (StartFailed, ClientError) as failure:
        sys.exit(f"bench: {failure.message}")
    print(report.text())
    print(f"Raw figures: {report.save()}")
    if not chosen.quick and not chosen.rows:
        PAGE.write_text(report.text(), encoding="utf-8")


if __name__ == "__main__":
    main()
