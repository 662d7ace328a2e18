from __future__ import annotations

import re
from pathlib import Path
from typing import Any

RULE = re.compile(r'^\s*"([A-Z]+\d*)",', re.MULTILINE)
LINE = re.compile(r"# (?:noqa|type: ignore|pragma:)(.*)$", re.MULTILINE)
REASON = re.compile(r"(?:: [A-Z0-9, ]+|\[[a-z, -]+\]| no \w+) *[-#] \S.{4,}")
EXPLAINED = re.compile(r'^\s*"([A-Z]+\d*)",\s+# \S.{4,}$', re.MULTILINE)


def excepted(settings: dict[str, Any]) -> list[str]:
    lint = settings["tool"]["ruff"]["lint"]
    return [*lint["ignore"], *(rule for rules in lint["per-file-ignores"].values() for rule in rules)]


def test_every_rule_is_on(settings: dict[str, Any]) -> None:
    """Rules are switched off one by one, never left out."""
    assert settings["tool"]["ruff"]["lint"]["select"] == ["ALL"]
    assert settings["tool"]["mypy"]["strict"] is True


def test_each_rule_that_is_off_says_why(texts: dict[Path, str], settings: dict[str, Any]) -> None:
    """The reason stands beside the rule in the root's `pyproject.toml`."""
    text = texts[Path("pyproject.toml")]
    assert sorted(RULE.findall(text)) == sorted(excepted(settings))
    assert EXPLAINED.findall(text) == RULE.findall(text)


def test_each_exception_of_a_line_says_why(texts: dict[Path, str]) -> None:
    """The reason stands on the line, after the rule's name."""
    lines = [(path, rest) for path, text in texts.items() if path.suffix == ".py" for rest in LINE.findall(text)]
    assert not [f"{path}: {rest}" for path, rest in lines if not REASON.match(rest)]
