"""Progress of several things at once: a live bar each on a terminal, plain lines anywhere else."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from wharf.client.screen import PlainScreen, Step


class Board(AbstractContextManager["Board"], Protocol):
    """Where the steps of several things are shown, each in its own place. Threads may share it."""

    def show(self, name: str, step: Step) -> None:
        """Show how far that one is now."""


@dataclass(frozen=True)
class Place:
    """The place of one thing on a board: a `Screen` to those who show nothing else."""

    board: Board
    name: str

    def show(self, step: Step) -> None:
        """Show how far it is now."""
        self.board.show(self.name, step)

    def __enter__(self) -> Self:
        """The board is there already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The board stays."""


class LiveBoard:
    """A bar for each of `names` on the terminal `console`, all there from the beginning."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._bars = Progress(
            TextColumn("  {task.description}", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[stage]}", style="dim", table_column=Column(min_width=9, no_wrap=True)),
            BarColumn(bar_width=None, table_column=Column(min_width=8, ratio=1)),
            TextColumn("{task.fields[done]}", justify="right", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[speed]}", style="cyan", table_column=Column(no_wrap=True)),
            console=console,
            expand=True,
        )
        self._tasks = {name: self._bars.add_task(name, total=None, stage="", done="", speed="") for name in names}

    def show(self, name: str, step: Step) -> None:
        """Move its bar; without a total it only says that something goes on."""
        self._bars.update(
            self._tasks[name],
            completed=step.current,
            total=step.total,
            stage=step.stage,
            done=step.done,
            speed=step.speed,
        )

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing."""
        self._bars.stop()


class PlainBoard:
    """A line into `file`, with the name before it, when a stage changes and every few seconds while it does not."""

    def __init__(self, file: TextIO, names: Sequence[str]) -> None:
        self._file = file
        self._lock = Lock()
        self._width = max(map(len, names))
        self._said = {name: io.StringIO() for name in names}
        self._screens = {name: PlainScreen(said) for name, said in self._said.items()}

    def show(self, name: str, step: Step) -> None:
        """Say it, if it is time."""
        said = self._said[name]
        with self._lock:
            self._screens[name].show(step)
            if line := said.getvalue():
                print(f"  {name:<{self._width}}  {line}", end="", file=self._file, flush=True)
                said.seek(0)
                said.truncate()

    def __enter__(self) -> Self:
        """Nothing to start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to stop."""


def board(names: Sequence[str], file: TextIO | None = None) -> Board:
    """The board that fits what `file` (standard output) is."""
    console = Console(file=file or sys.stdout, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveBoard(console, names)
    return PlainBoard(file or sys.stdout, names)
