from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

def test_of_a_tool():
    pytest.skip("needs: a tool that nobody has")

@pytest.mark.skipif(True, reason="needs: another tool")
def test_of_another_tool():
    pass

def test_of_another_system():
    pytest.skip("only where there are such things")
"""
MODULE = """
import pytest
pytest.skip("needs: a module that nobody has", allow_module_level=True)
"""


@pytest.fixture
def suite(tmp_path: Path, root: Path) -> Path:
    shutil.copy(root / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_tools.py").write_text(TESTS)
    (tmp_path / "test_module.py").write_text(MODULE)
    return tmp_path


def outcome(suite: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    ignored = {"CI", "COVERAGE_PROCESS_CONFIG", "PYTEST_ADDOPTS"}
    environment = {name: value for name, value in os.environ.items() if name not in ignored} | variables
    command = [sys.executable, "-m", "pytest", "--continue-on-collection-errors", "-p", "no:cacheprovider", str(suite)]
    return subprocess.run(command, env=environment, cwd=suite, capture_output=True, text=True, check=False)


def test_a_missing_tool_is_a_failure_in_ci(suite: Path) -> None:
    """A reason that begins with `needs:` fails there, with the reason; other skips stay skips."""
    result = outcome(suite, CI="true")
    assert result.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 skipped, 2 errors" in result.stdout
    assert "needs: a tool that nobody has" in result.stdout


def test_a_missing_tool_is_a_skip_elsewhere(suite: Path) -> None:
    """Who tries Wharf on a laptop is told what was skipped and is not stopped by it."""
    result = outcome(suite)
    assert "4 skipped" in result.stdout
