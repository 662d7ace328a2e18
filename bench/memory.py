"""The most memory that a child of the workers that import had."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

SAMPLE_SECONDS = 0.5 if sys.platform == "linux" else 0.05
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class PeakMemory:
    """While it is entered: the peak resident set, in bytes, of the largest child of the processes `workers`.

    Where the system keeps the peak itself (Linux), that is read, now and then since each
    look takes the processor from what is measured; elsewhere it is sampled 20 times a second.
    """

    def __init__(self, *workers: int) -> None:
        self.peak = 0
        self._workers = workers
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="peak-memory", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        for child in _children(self._workers):
            _forget_peak(child)
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._ended.set()
        self._sampler.join()

    def _sample(self) -> None:
        while True:
            ended = self._ended.wait(SAMPLE_SECONDS)
            self.peak = max([self.peak, *(_peak(child) for child in _children(self._workers))])
            if ended:
                return


def _children(workers: tuple[int, ...]) -> Iterator[psutil.Process]:
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            yield from psutil.Process(worker).children(recursive=True)


def _forget_peak(process: psutil.Process) -> None:
    with suppress(OSError):
        Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")


def _peak(process: psutil.Process) -> int:
    with suppress(OSError):
        kept = PEAK.search(Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8"))
        return int(kept[1]) * 1024 if kept else 0
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0
