"""Seconds of the processor that processes have had."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def spent(pids: Iterable[int]) -> float:
    """By these processes and all that they began, those that have ended too, until now."""
    return sum(_spent(psutil.Process(pid)) for pid in pids)


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    ended = times.children_user + times.children_system
    return float(times.user + times.system + ended) + sum(_spent(child) for child in process.children())
