"""What a worker's main process finds out about the processes below it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wharf.common.runtime.place import children, memory_of


def test_processes_and_their_memory_are_found():
    """One that lives is among them and has some; one that ended is not, and has none."""
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("this system does not say")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as below:
        assert below.pid in children()
        assert (memory_of([below.pid]) or 0) > 0
        below.communicate(b"\n")
    assert below.pid not in children()
    assert memory_of([below.pid]) is None
