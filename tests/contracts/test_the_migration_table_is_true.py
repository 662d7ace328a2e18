from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PAGE = Path("docs/migration.md")
TEST = re.compile(r"`([\w./-]+\.py)::(test_\w+)`")
TO_COME = (
    "images and Compose",
    "reading any file",
    "speed, modes and undo",
    "packages",
    "schedules, backups and reports",
    "metrics and alerts",
    "the console page",
    "Helm",
    "rules",
    "transformations",
    "aggregates and data quality",
)
SYSTEMS = 5


@pytest.fixture
def sections(texts: dict[Path, str]) -> dict[str, list[list[str]]]:
    """The rows of each system's table, as cells."""
    parts = re.split(r"^## (.+)$", texts[PAGE], flags=re.MULTILINE)[1:]
    return {title: _rows(body) for title, body in zip(parts[::2], parts[1::2], strict=True)}


def _rows(body: str) -> list[list[str]]:
    """The cells of all rows below the head of a table; a `|` inside backticks is none of its lines."""
    lines = [re.sub(r"`[^`]*`", lambda code: code[0].replace("|", "¦"), line) for line in body.splitlines()]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return cells[2:]


def test_every_test_that_is_named_exists(texts: dict[Path, str]) -> None:
    """Who follows a row finds the test that shows it."""
    named = set(TEST.findall(texts[PAGE]))
    assert named
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    there = {
        (path, node.name)
        for path in {path for path, _ in named}
        if Path(path) in texts
        for node in ast.walk(ast.parse(texts[Path(path)]))
        if isinstance(node, functions)
    }
    assert named - there == set()


def test_every_row_says_where_it_stands(sections: dict[str, list[list[str]]]) -> None:
    """Shown by tests, coming with a piece of work that is known, or done otherwise: nothing is left open."""
    assert len(sections) == SYSTEMS
    assert all(sections.values())
    unsaid = [row for rows in sections.values() for row in rows if not _is_said(row)]
    assert unsaid == []


def _is_said(row: list[str]) -> bool:
    if len(row) != 3 or not all(row):
        return False
    if row[2].startswith("comes with "):
        return row[2].removeprefix("comes with ") in TO_COME
    return row[2].startswith("otherwise: ") or TEST.sub("", row[2]).strip() == ""


def test_every_conformance_test_has_its_row(texts: dict[Path, str]) -> None:
    """What a client was promised and is tested stands in the table too."""
    named = set(TEST.findall(texts[PAGE]))
    tests = {
        (str(path), node.name)
        for path, text in texts.items()
        if path.parent == Path("tests/conformance") and path.match("test_*.py")
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert tests - named == set()
