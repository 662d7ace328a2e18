from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

LINES = 30


def declared(member: Path) -> dict[str, Any]:
    return tomllib.loads((member / "pyproject.toml").read_text())


def module(member: Path) -> str:
    return f"wharf.{member.name.replace('-', '_')}"


def test_folder_distribution_and_module_have_one_name(member: Path) -> None:
    """`services/ingest-worker` is the distribution `wharf-ingest-worker` and the module `wharf.ingest_worker`."""
    pyproject = declared(member)
    assert pyproject["project"]["name"] == f"wharf-{member.name}"
    assert pyproject["tool"]["uv"]["build-backend"]["module-name"] == module(member)


def test_wharf_stays_a_namespace(member: Path) -> None:
    """An `__init__.py` in `wharf` itself would hide the other members from an editable installation."""
    assert not (member / "src" / "wharf" / "__init__.py").exists()
    assert [path.name for path in (member / "src" / "wharf").iterdir() if path.suffix != ".pyc"] == [
        module(member).removeprefix("wharf.")
    ]


def test_a_member_is_installed_locked_and_resolved_with_the_others(
    member: Path, root: Path, texts: dict[Path, str], settings: dict[str, Any]
) -> None:
    """`make setup`, the workspace, mypy, coverage and the layers know every member."""
    folder = member.relative_to(root).as_posix()
    listed = re.search(r"^MEMBERS := ((?:.*\\\n)*.*)", texts[Path("Makefile")], re.MULTILINE)
    assert listed is not None
    assert folder in listed[1].split()
    assert any(Path(folder).match(pattern) for pattern in settings["tool"]["uv"]["workspace"]["members"])
    assert f"{folder}/src" in settings["tool"]["mypy"]["mypy_path"]
    assert f"{folder}/src" in settings["tool"]["coverage"]["run"]["source_dirs"]
    assert module(member) in settings["tool"]["importlinter"]["root_packages"]


def test_a_member_declares_little(member: Path) -> None:
    """Tool settings live in the root: a member's file says what it is and what it needs."""
    pyproject = declared(member)
    assert len((member / "pyproject.toml").read_text().splitlines()) <= LINES
    assert set(pyproject) == {"project", "build-system", "tool"}
    assert set(pyproject["tool"]) == {"uv"}


def test_a_member_declares_the_members_that_it_imports(member: Path) -> None:
    """The layers hold in an image with one service in it, too."""
    needed = {re.split(r"[^a-z0-9-]", name)[0] for name in declared(member)["project"]["dependencies"]}
    undeclared = {
        f"{path.relative_to(member)}: {name}"
        for path in (member / "src").rglob("*.py")
        for name in imported(path)
        if name.startswith("wharf.") and "-".join(name.split(".")[:2]).replace("_", "-") not in needed | {own(member)}
    }
    assert not undeclared


def own(member: Path) -> str:
    return f"wharf-{member.name}"


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(), str(path))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
