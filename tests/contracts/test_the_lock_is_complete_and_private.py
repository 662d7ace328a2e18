from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

LOCK = Path("requirements.lock")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


@pytest.fixture
def pins(texts: dict[Path, str]) -> dict[str, str]:
    """Each locked package's lines, by its name."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", re.sub(r"^ *#.*\n", "", texts[LOCK], flags=re.MULTILINE), flags=re.MULTILINE)
    return {re.split(r"[^A-Za-z0-9-]", block)[0]: block for block in blocks if block.strip()}


def test_every_version_is_pinned_with_its_hashes(pins: dict[str, str]) -> None:
    """Nothing is installed that was not looked at."""
    assert pins
    assert not [name for name, lines in pins.items() if not re.match(r"[\w.-]+==\S+", lines) or not HASH.search(lines)]


def test_no_member_is_in_the_lock(pins: dict[str, str]) -> None:
    """A member comes from its folder, never from a registry where anybody may take its name."""
    assert not [name for name in pins if name.startswith("wharf")]


def test_the_lock_says_nothing_about_where_it_was_made(texts: dict[Path, str]) -> None:
    """Everybody installs from the registry or mirror of their own, wherever the clone lies."""
    assert "://" not in texts[LOCK]
    assert not re.search(r"(?:^|\s)(?:/|--?(?:index|extra|find|trusted))", texts[LOCK], re.MULTILINE)


def test_what_the_repository_needs_is_locked(pins: dict[str, str], member: Path) -> None:
    """A dependency that was declared without `make lock` would be missing on every other machine."""
    project = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    assert missing(project["dependencies"], pins) <= {"wharf-common", "wharf-client"}


def test_the_developers_tools_are_locked(pins: dict[str, str], settings: dict[str, Any]) -> None:
    """`make setup` fetches nothing that is not in the lock: neither uv nor the members' build backend."""
    assert {"uv", "uv-build"} <= pins.keys()
    assert not missing(settings["dependency-groups"]["dev"], pins)


def missing(requirements: list[str], pins: dict[str, str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_-]", text)[0].lower().replace("_", "-") for text in requirements} - pins.keys()
