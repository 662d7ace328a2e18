from __future__ import annotations

import ast
from pathlib import Path


def test_each_test_has_a_sentence(texts: dict[Path, str]) -> None:
    """Who reads a failure learns what was promised, not only what was called."""
    modules = [(path, ast.parse(text)) for path, text in texts.items() if path.match("test_*.py")]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tests = [
        (f"{path}::{node.name}", ast.get_docstring(node))
        for path, tree in modules
        for node in ast.walk(tree)
        if isinstance(node, functions) and node.name.startswith("test_")
    ]
    assert tests
    assert not [name for name, sentence in tests if not sentence]


def test_folders_of_tests_are_packages_for_their_fixtures_only(texts: dict[Path, str]) -> None:
    """With `--import-mode=importlib` an `__init__.py` makes fixtures end with their folder, and nothing else."""
    found = {str(path.parent) for path in texts if path.name == "__init__.py" and "tests" in path.parts}
    assert found == {f"tests/{name}" for name in ("chaos", "conformance", "console", "containers")}
