from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.stack
def test_the_demo_imports_its_sample_and_leaves_nothing(tmp_path: Path) -> None:
    """Exit code 0 means that every row, every reject and the sum were as the sample says; nothing stays behind."""
    command = [sys.executable, "-m", "wharf.local.demo", "--rows", "3000"]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=240, env=_environment(tmp_path), cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2,997 inserted, 0 updated, 0 unchanged, 0 superseded, 3 rejected" in result.stdout
    assert "exactly what the sample holds" in result.stdout
    assert "unit_price: This is not a number." in result.stdout
    assert "/docs" in result.stdout
    assert list(tmp_path.iterdir()) == []


def _environment(temporary: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(temporary), "TERM": "dumb"}
