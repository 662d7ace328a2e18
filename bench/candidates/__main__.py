"""`make bench-candidates`: parsers and loaders side by side, each in a process of its own, on one file.

`python -m bench.candidates` measures all; with `--one KIND NAME PATH URL` it is such a process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import Any

import psycopg
import pyarrow as pa

from bench.bare_copy import bare_copy
from bench.candidates.loaders import COLUMNS, CREATE, LOADERS, TABLE
from bench.candidates.parsers import PARSERS, Source
from bench.machine import machine
from wharf.common.imports import ImportOptions
from wharf.common.profiles import builtin_profile
from wharf.ingest_worker.reading import SAMPLE_BYTES, make_plan, read_batches
from wharf.local.samples import write_transactions
from wharf.local.stack import LocalStack

PARSED, LOADED = 500_000, 200_000
"""Rows of a parser's file and of a loader's."""
ROUNDS = 3
ONE_IN = 100
"""Of the rows of the second file one in so many is bad."""
Figures = dict[str, Any]


def one(kind: str, name: str, path: Path, url: str) -> Figures:
    """In a process of its own: how long, how much of the processor, how much memory, what was read."""
    rows = typed_rows(path) if kind == "load" else None
    begun, cpu = time.perf_counter(), time.process_time()
    told = ""
    good = wrong = 0
    if rows is None:
        read = PARSERS[name](path)
        good, wrong, told = read.good, read.wrong, read.told
    else:
        LOADERS[name](rows, url)
    return {
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - cpu,
        "memory": getrusage(RUSAGE_SELF).ru_maxrss * 1024,
        "good": good,
        "wrong": wrong,
        "told": told,
    }


def typed_rows(path: Path) -> pa.Table:
    """All rows of a file, as the reader gives them."""
    with path.open("rb") as file:
        source = Source(file, path.stat().st_size)
        profile = builtin_profile("transactions")
        plan = make_plan(source.read(0, SAMPLE_BYTES), source.size, profile, ImportOptions())
        return pa.concat_tables([batch.rows.select(COLUMNS) for batch in read_batches(source, plan, profile)])


def measured(kind: str, name: str, path: Path, url: str = "") -> Figures:
    """The figures of a new process."""
    command = [sys.executable, "-m", "bench.candidates", "--one", kind, name, str(path), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    found: Figures = json.loads(done.stdout)
    return found


@dataclass
class Candidates:
    """Measures all, taking turns."""

    folder: Path
    url: str

    def lines(self) -> Iterator[str]:
        """Two tables in Markdown."""
        yield "| parser | good file | 1 row in 100 bad | CPU, good file | peak memory | bad rows told | what is told |"
        yield "|---|---:|---:|---:|---:|---:|---|"
        clean, soiled = self._file("clean", PARSED, 0), self._file("soiled", PARSED, PARSED // ONE_IN)
        for name in PARSERS:
            good = [measured("parse", name, clean) for _ in range(ROUNDS)]
            bad = [measured("parse", name, soiled) for _ in range(ROUNDS)]
            memory = max(one["memory"] for one in good) / 10**6
            yield (
                f"| {name} | {_median(good, 'seconds')} s | {_median(bad, 'seconds')} s | {_median(good, 'cpu')} s"
                f" | {memory:.0f} MB | {bad[0]['wrong']:,} of {PARSED // ONE_IN:,} | {bad[0]['told']} |"
            )
        yield ""
        yield "| loader | seconds | CPU of the client | times bare COPY of the file |"
        yield "|---|---:|---:|---:|"
        path = self._file("loaded", LOADED, 0)
        bare = median(bare_copy(self.url, path, LOADED) for _ in range(ROUNDS))
        yield f"| bare COPY of the file | {bare:.2f} s | | 1.00 |"
        for name in LOADERS:
            found = [self._loaded(name, path) for _ in range(ROUNDS)]
            seconds = median(one["seconds"] for one in found)
            yield f"| {name} | {seconds:.2f} s | {_median(found, 'cpu')} s | {seconds / bare:.2f} |"

    def _loaded(self, name: str, path: Path) -> Figures:
        with psycopg.connect(self.url, autocommit=True) as server:
            server.execute(f"DROP TABLE IF EXISTS {TABLE}".encode())
            server.execute(CREATE.encode())
            server.execute("CHECKPOINT")
            figures = measured("load", name, path, self.url)
            count = server.execute(f"SELECT count(*) FROM {TABLE}".encode()).fetchone()
            server.execute(f"DROP TABLE {TABLE}".encode())
        if count != (LOADED,):
            raise RuntimeError(f"{name} loaded {count} rows")
        return figures

    def _file(self, name: str, rows: int, bad: int) -> Path:
        path = self.folder / f"{name}.csv"
        write_transactions(path, rows, seed=3, bad=bad, most_lines=1, totals=True, prefix=f"{name}-")
        return path


def _median(found: list[Figures], what: str) -> str:
    return f"{median(one[what] for one in found):.2f}"


def main() -> None:
    """Measure all, or be one."""
    parser = argparse.ArgumentParser(prog="make bench-candidates", description=__doc__)
    parser.add_argument("--one", nargs=4, metavar=("KIND", "NAME", "PATH", "URL"))
    asked = parser.parse_args().one
    if asked:
        kind, name, path, url = asked
        print(json.dumps(one(kind, name, Path(path), url)))
        return
    with (
        tempfile.TemporaryDirectory(prefix="wharf-candidates-") as folder,
        LocalStack(Path(folder) / "data", port=0, discard=True) as stack,
    ):
        for line in Candidates(Path(folder), stack.connection.database_url).lines():
            print(line, flush=True)
        for name, value in machine(stack.connection.database_url).items():
            print(f"- {name}: {value}")


if __name__ == "__main__":
    main()
