from __future__ import annotations

import re
from pathlib import Path

MACHINE = re.compile(r"(?<![\w.~-])/(?:work|root|Users|home/\w+)/")
REGISTRY = re.compile(r"\b(?:pypi|pythonhosted|npmjs|debian)\.(?:org|net)\b(?=[/:])")


def test_no_file_knows_a_machine(texts: dict[Path, str]) -> None:
    """A path of the machine where something was written is wrong on every other one."""
    assert not [str(path) for path, text in texts.items() if MACHINE.search(text)]


def test_no_file_knows_a_registry(texts: dict[Path, str]) -> None:
    """Packages come from where the user's pip, uv and apt are told to look."""
    assert not [str(path) for path, text in texts.items() if REGISTRY.search(text)]
