"""A command that is known by name only, and loaded when it is called: `wharf --help` imports none of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from wharf.client.failure import ClientError


class LazyCommand(TyperCommand):
    """Stands for the command of an entry point: a function with typer's annotations, or a `typer.Typer`."""

    def __init__(self, entry: EntryPoint) -> None:
        super().__init__(name=entry.name, callback=None, help=first_line(entry), no_args_is_help=False)
        self._entry = entry

    def make_context(self, *given: Any, **extra: Any) -> Any:  # noqa: ANN401 - typer keeps its contexts' types private
        """Load the real command and let it take over."""
        return self._loaded().make_context(*given, **extra)

    def _loaded(self) -> Any:  # noqa: ANN401 - as above
        try:
            target = self._entry.load()
        except (ImportError, AttributeError) as error:
            message = f"The command {self._entry.name!r} is broken here ({error}). Install {self._entry.module} again."
            raise ClientError(message, code="command_broken") from error
        if isinstance(target, typer.Typer):
            return get_command(target)
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(self._entry.name)(target)
        return get_command(app)


def first_line(entry: EntryPoint) -> str:
    """What the entry point's function (else its module) says about itself, read without importing it."""
    try:
        tree = ast.parse(_source(entry.module))
    except (OSError, SyntaxError):
        return ""
    named = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == entry.attr]
    documented: ast.FunctionDef | ast.Module = named[0] if named else tree
    return (ast.get_docstring(documented) or "").partition("\n")[0]


def _source(module: str) -> str:
    folders: Iterable[str] | None = None
    origin: str | None = None
    names = module.split(".")
    for depth in range(len(names)):
        # Not importlib.util.find_spec: that one imports the packages on the way.
        spec = PathFinder.find_spec(".".join(names[: depth + 1]), list(folders) if folders is not None else None)
        if spec is None:
            raise FileNotFoundError(module)
        folders, origin = spec.submodule_search_locations, spec.origin
    if origin is None:
        raise FileNotFoundError(module)
    return Path(origin).read_text(encoding="utf-8")
