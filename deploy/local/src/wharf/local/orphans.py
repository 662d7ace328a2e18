"""Ends processes of this data folder that nobody watches any more.

The watchdog leaves none; these are for the day when it was killed together with the supervisor.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil

MARK = "WHARF_SUPERVISED_BY"
"""In the environment of every service: the data folder of its stack."""
GRACE_SECONDS = 10.0
SERVERS = frozenset({"postgres", "redis-server"})


def end_servers(folder: Path) -> None:
    """Stop every PostgreSQL or Redis process that works in `folder`.

    After the death of PostgreSQL's main process its busy children can go on for a while, and a new one refuses to start
    beside them. They have sessions of their own, so killing the group does not reach them.
    """
    _end(lambda process: process.name() in SERVERS and Path(process.cwd()) == folder, signal.SIGINT)


def end_services(folder: Path) -> None:
    """Kill every service that a stack on `folder` started; the ledger is made for that."""
    _end(lambda process: process.environ().get(MARK) == str(folder), signal.SIGKILL)


def _end(ours: Callable[[psutil.Process], bool], first: signal.Signals) -> None:
    found = [process for process in psutil.process_iter() if _holds(ours, process)]
    for process in found:
        _send(process, first)
    _, alive = psutil.wait_procs(found, timeout=GRACE_SECONDS)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)


def _holds(ours: Callable[[psutil.Process], bool], process: psutil.Process) -> bool:
    try:
        return ours(process)
    except (psutil.Error, OSError):
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return
