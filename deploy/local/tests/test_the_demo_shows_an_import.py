from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROFILES = {
    "jira-export.csv": "jira_issues",
    "assets.csv": "assets",
    "transactions.csv": "transactions",
    "purchase-orders.csv": "procurement",
}
"""What each file must be taken for: nobody says it."""


@pytest.mark.stack
def test_the_demo_imports_its_samples_and_leaves_nothing(tmp_path: Path) -> None:
    """Exit code 0 means that all rows, rejects, sums and entities are right; nothing stays behind but the package."""
    command = [sys.executable, "-m", "wharf.local.demo", "--rows", "3000"]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=240, env=_environment(tmp_path), cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2,997 inserted, 0 updated, 0 unchanged, 0 superseded, 3 rejected" in result.stdout
    assert result.stdout.count("exactly what the sample holds") == len(PROFILES)
    assert all(f"{name} -> {profile}\n" in result.stdout for name, profile in PROFILES.items())
    assert "60 suppliers, 394 materials, 4,464 purchase orders, " in result.stdout
    assert "unit_price: This is not a number." in result.stdout
    assert "/docs" in result.stdout
    (package,) = tmp_path.iterdir()
    names = sorted(path.name for path in package.iterdir())
    assert [name.partition("-")[0] for name in names] == ["procurement_summary"] * 2
    assert all(f"{package / name} (" in result.stdout for name in names)


def _environment(temporary: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(temporary), "TERM": "dumb"}


LIE = """
from dataclasses import replace
from wharf.local import demo
from wharf.local.samples import write_assets

def lie(path, rows, **options):
    return replace(write_assets(path, rows, **options), total=1)

demo.SAMPLES = (replace(demo.SAMPLES[1], write=lie, rows=20),)
demo.main()
"""


@pytest.mark.stack
def test_the_demo_fails_where_a_sum_differs(tmp_path: Path) -> None:
    """It says what it found and what it wanted, stops everything, and ends with exit code 1."""
    result = subprocess.run(
        [sys.executable, "-c", LIE],
        capture_output=True, text=True, check=False, timeout=240, env=_environment(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 1, result.stdout + result.stderr
    assert "NOT what the sample holds" in result.stdout
    assert ", and not 1." in result.stdout
    assert [path.name.startswith("wharf-demo-package-") for path in tmp_path.iterdir()] == [True]
