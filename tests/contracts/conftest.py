"""The repository as data."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = (".git", ".venv", ".wharf", ".hypothesis", "__pycache__", "htmlcov", "results")


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder that holds the repository."""
    return ROOT


@pytest.fixture(scope="session")
def settings(root: Path) -> dict[str, Any]:
    """The root's `pyproject.toml`."""
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def texts(root: Path) -> dict[Path, str]:
    """Every text file of the repository, by its path from the root."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(NOT_OURS) and not name.endswith("_cache")]
        for path in (Path(folder, name) for name in names if not name.startswith((".git", ".coverage", ".env"))):
            found[path.relative_to(root)] = path.read_text(encoding="utf-8", errors="replace")
    example = Path(".env.example")
    return found | {example: (root / example).read_text(encoding="utf-8")}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a `member` once for each folder with a distribution in it."""
    if "member" in metafunc.fixturenames:
        members = sorted(path.parent for path in ROOT.glob("*/*/pyproject.toml"))
        metafunc.parametrize("member", members, ids=lambda path: path.name)
