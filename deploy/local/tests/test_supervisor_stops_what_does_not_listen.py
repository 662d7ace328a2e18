"""Processes that ignore the stop signal, and the ones that they started, end all the same."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from wharf.local.child import ChildSpec, Stage
from wharf.local.failure import StartFailed
from wharf.local.supervisor import Supervisor

Wait = Callable[[Callable[[], object]], None]

DEAF = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
own = subprocess.Popen(["sleep", "600"])
pathlib.Path(sys.argv[1]).write_text(str(own.pid))
time.sleep(600)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor without a stack."""
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    made = Supervisor(tmp_path, lock, on_change=lambda _: None, say=lambda _: None)
    yield made
    made.hurry.set()
    made.stop()
    os.close(lock)


def deaf(note: Path, grace: float) -> ChildSpec:
    """A child that ignores SIGTERM, and has a child of its own whose pid it writes to `note`."""
    return ChildSpec(
        name="deaf",
        command=(sys.executable, "-c", DEAF, str(note)),
        stage=Stage.WORKERS,
        ready=lambda: note.exists() and bool(note.read_text(encoding="utf-8")),
        environment=dict(os.environ),
        grace=grace,
    )


def runs(pid: int) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize(("grace", "hurry"), [(0.3, False), (3600.0, True)], ids=["grace over", "hurry"])
def test_a_deaf_child_is_killed_with_its_own_children(
    supervisor: Supervisor, tmp_path: Path, wait: Wait, grace: float, *, hurry: bool
) -> None:
    """When its grace is over, or at once when somebody is in a hurry."""
    note = tmp_path / "grandchild"
    supervisor.start(deaf(note, grace), within=60)
    pids = [supervisor.processes()["deaf"], int(note.read_text(encoding="utf-8"))]
    if hurry:
        supervisor.hurry.set()
    supervisor.stop()
    wait(lambda: not any(runs(pid) for pid in pids))


def test_what_a_dead_child_leaves_is_ended_before_it_starts_again(
    supervisor: Supervisor, tmp_path: Path, wait: Wait
) -> None:
    """As in a container, where nothing outlives the main process: no pool child works beside the new worker."""
    note = tmp_path / "grandchild"
    supervisor.start(deaf(note, 0.1), within=60)
    supervisor.watch()
    pid, grandchild = supervisor.processes()["deaf"], int(note.read_text(encoding="utf-8"))
    os.kill(pid, signal.SIGKILL)
    wait(lambda: supervisor.processes()["deaf"] != pid)
    wait(lambda: not runs(grandchild))


def test_a_child_that_is_never_ready_fails_the_start(supervisor: Supervisor) -> None:
    """The message names it and its log, and it is stopped."""
    never = ChildSpec(
        name="slow",
        command=(sys.executable, "-c", "import time; print('warming up', flush=True); time.sleep(600)"),
        stage=Stage.WORKERS,
        ready=lambda: time.monotonic() < 0,
        environment=dict(os.environ),
    )
    with pytest.raises(StartFailed, match=r"(?s)slow was not ready in time.*warming up"):
        supervisor.start(never, within=2)
    assert not supervisor.processes()


def test_a_program_that_is_not_there_fails_the_start(supervisor: Supervisor, tmp_path: Path) -> None:
    """The message names the program."""
    missing = ChildSpec("lost", (str(tmp_path / "nothing"),), Stage.WORKERS, lambda: True)
    with pytest.raises(StartFailed, match=r"lost cannot be started.*nothing"):
        supervisor.start(missing, within=2)
