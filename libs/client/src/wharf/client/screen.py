"""Progress for people: a live bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Column

from wharf.client.figures import count, duration, size
from wharf.client.job import Job

PLAIN_SECONDS = 5.0
"""A stage that goes on is said again after so long where there is no terminal."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far something is. `total` is None while unknown; `unit` is `rows` or `bytes`, say."""

    stage: str
    current: float = 0
    total: float | None = None
    unit: str = "steps"
    rate: float | None = None
    eta_seconds: float | None = None

    @classmethod
    def of(cls, job: Job) -> Step:
        """What there is to show of a job."""
        at = job.progress
        stage = at.stage if job.status == "running" and at.stage else job.status
        return cls(stage, at.current, at.total, at.unit, at.rate, at.eta_seconds)

    @property
    def done(self) -> str:
        """`120,000 / 300,000 rows`, `3.1 MB / 12.0 MB`; of what has not begun only the whole, if that is known."""
        amount, unit = (size, "") if self.unit == "bytes" else (count, f" {self.unit}")
        parts = [amount(part) for part in (self.current, self.total) if part]
        return " / ".join(parts) + unit if parts else ""

    @property
    def speed(self) -> str:
        """`85,000 rows/s`, or nothing."""
        if not self.rate:
            return ""
        return f"{size(self.rate)}/s" if self.unit == "bytes" else f"{count(self.rate)} {self.unit}/s"

    @property
    def left(self) -> str:
        """`ETA 2.0 s`, or nothing."""
        return f"ETA {duration(self.eta_seconds)}" if self.eta_seconds else ""


class Screen(AbstractContextManager["Screen"], Protocol):
    """Where steps are shown, one after the other; leaving it leaves the last one standing."""

    def show(self, step: Step) -> None:
        """Show how far it is now."""


class LiveScreen:
    """A bar that moves, on the terminal `console`."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", table_column=Column(min_width=10, no_wrap=True)),
            BarColumn(bar_width=None, table_column=Column(min_width=10, ratio=1)),
            TextColumn("{task.fields[done]}", justify="right", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[speed]}", style="cyan", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[left]}", style="dim", table_column=Column(no_wrap=True)),
            console=console,
            expand=True,
        )
        self._task: TaskID | None = None

    def show(self, step: Step) -> None:
        """Move the bar; without a total it only says that something goes on."""
        if self._task is None:
            self._task = self._bar.add_task(step.stage, total=step.total, done="", speed="", left="")
        self._bar.update(
            self._task,
            description=step.stage,
            completed=step.current,
            total=step.total,
            done=step.done,
            speed=step.speed,
            left=step.left,
        )

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing."""
        self._bar.stop()


class PlainScreen:
    """A line into `file` when the stage changes, and every few seconds while it does not."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._stage = ""
        self._said = float("-inf")

    def show(self, step: Step) -> None:
        """Say it, if it is time."""
        now = time.monotonic()
        if step.stage == self._stage and now - self._said < PLAIN_SECONDS:
            return
        self._stage, self._said = step.stage, now
        parts = [f"{step.stage:<10}", step.done, step.speed, step.left]
        print("  ".join(part for part in parts if part).rstrip(), file=self._file, flush=True)

    def __enter__(self) -> Self:
        """Nothing to start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to stop."""


def screen(file: TextIO | None = None) -> Screen:
    """The screen that fits what `file` (standard output) is."""
    console = Console(file=file or sys.stdout, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveScreen(console)
    return PlainScreen(file or sys.stdout)
