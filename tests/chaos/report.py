"""What a campaign found, as the page `docs/reliability.md`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.chaos.account import Wrongs
from tests.chaos.recovery import percentile

TARGET_SECONDS = 30.0
WRONG_WORDS = {
    "lost": "jobs or rows that are gone",
    "doubled": "jobs that ended twice, rows that are there twice",
    "stuck": "jobs that never ended",
    "left": "staging tables, leases, messages and objects that nobody needs",
    "failed": "jobs that failed though their file was good",
}

PAGE = """# Reliability

Written by `make chaos` ({minutes:g} minutes, seed {seed}): imports under random faults, then a total account by SQL and
by looking into the storage and the broker, never by what jobs say of themselves. Every good row must be in its dataset
once, every bad one among the rejects, every job ended once, and nothing left behind.

| | |
|---|---|
| imports submitted | {submitted:,} |
| rows in them | {rows:,} |
| answers that never came (submits that nobody took) | {unsent} |
| faults | {faults} |
{wrongs}

## Going on

| after | times | p50 | p95 | most | target |
|---|---|---|---|---|---|
{recovery}

A kill is counted from the signal to the start of the next attempt of the job that it interrupted; a restart of the
broker from its first answer to the first start of an attempt.

## Faults

| fault | times |
|---|---|
{happened}

## Where

| | |
|---|---|
{machine}

Again, with the same faults in the same order: `make chaos ARGS='--seed {seed}'`.
"""


@dataclass(frozen=True)
class Report:
    """The end of a campaign."""

    minutes: float
    seed: int
    submitted: int
    rows: int
    unsent: int
    happened: Counter[str]
    wrongs: Wrongs
    after_kills: list[float]
    after_restarts: list[float]
    machine: dict[str, str]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        late = (
            percentile(self.after_kills, 0.95) > TARGET_SECONDS or max(self.after_restarts, default=0) > TARGET_SECONDS
        )
        return not (self.wrongs or self.unsent or late)

    def page(self) -> str:
        """As Markdown."""
        recovery = (
            recovery_line("kill -9 of a worker", self.after_kills, "p95 ≤ 30 s"),
            recovery_line("a restart of the broker", self.after_restarts, "≤ 30 s"),
        )
        counts = self.wrongs.counts()
        return PAGE.format(
            minutes=self.minutes,
            seed=self.seed,
            submitted=self.submitted,
            rows=self.rows,
            unsent=self.unsent,
            faults=self.happened.total(),
            wrongs="\n".join(f"| {name}: {what} | {counts[name]} |" for name, what in WRONG_WORDS.items()),
            recovery="\n".join(recovery),
            happened="\n".join(f"| {name} | {times} |" for name, times in sorted(self.happened.items())),
            machine="\n".join(f"| {name} | {value} |" for name, value in self.machine.items()),
        )


def recovery_line(name: str, seconds: list[float], target: str) -> str:
    """One row of the table."""
    figures = (percentile(seconds, 0.5), percentile(seconds, 0.95), max(seconds, default=0.0))
    return f"| {name} | {len(seconds)} | {' | '.join(f'{figure:.1f} s' for figure in figures)} | {target} |"
