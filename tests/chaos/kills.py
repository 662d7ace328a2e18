"""`python -m tests.chaos.kills`: imports of a million rows whose worker is killed at random moments; `docs/kills.md`.

Exit code 1 when a row was lost, doubled or changed, or when a job went back behind its checkpoint.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.machine import machine
from tests.chaos.killing import WAYS, Killer, Kills
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial

PAGE = Path("docs/kills.md")
HEAD = """# Kills at random moments

Made by `make kills` on {day} (seed {seed}); do not edit. The process that runs a job was killed with `kill -9` after 0
to 1.5 seconds, and again, until so many kills of each way to write {rows:,} rows: reading, writing, merging, the end.
What the dataset has then was compared by SQL with what an undisturbed import of the same file writes, every cell of
every row. A third death without progress would make a dead letter, so nobody was killed a third time at the same
checkpoint.

| way to write | jobs | kills | rows lost, doubled or changed, or work done again from before a checkpoint |
|---|---:|---:|---|
{lines}

{where}
"""
screen = Console(stderr=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make kills", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each file")
    parser.add_argument("--kills", type=int, default=50, help="kills of each way to write")
    parser.add_argument("--only", choices=list(WAYS), help="only this way; no page is written then")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="decides on the moments")
    return parser.parse_args()


def kill_all(killer: Killer, ways: list[str], kills: int) -> list[Kills]:
    """Every way, with a bar."""
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen) as shown:
        bar = shown.add_task("ways", total=len(ways))
        told = []
        for way in ways:
            shown.update(bar, description=way)
            told.append(killer.run(way, kills))
            shown.advance(bar)
    return told


def page(told: list[Kills], asked: argparse.Namespace, where: dict[str, str]) -> str:
    """The report."""
    lines = "\n".join(f"| {one.way} | {one.jobs} | {one.kills} | {'; '.join(one.wrong) or 'none'} |" for one in told)
    place = "\n".join(f"- {name}: {value}" for name, value in where.items())
    day = datetime.now(UTC).date().isoformat()
    return HEAD.format(day=day, seed=asked.seed, rows=asked.rows, lines=lines, where=place)


def main() -> None:
    """Kill, compare, tell."""
    asked = arguments()
    with (
        tempfile.TemporaryDirectory(prefix="wharf-kills-") as name,
        LocalStack(Path(name) / "data", port=0, discard=True) as stack,
    ):
        headers = {"Authorization": f"Bearer {stack.connection.api_key}"}
        with httpx.Client(base_url=stack.connection.url, headers=headers, timeout=60) as api:
            killer = Killer.prepared(Trial(stack, api), Path(name), asked.rows, asked.seed)
            told = kill_all(killer, [asked.only] if asked.only else list(WAYS), asked.kills)
            report = page(told, asked, machine(stack.connection.database_url))
    if asked.only:
        screen.print(report, markup=False, highlight=False)
    else:
        PAGE.write_text(report, encoding="utf-8")
    sys.exit(any(one.wrong for one in told))


if __name__ == "__main__":
    main()
