"""What the installation declares by itself: TOML files beside the code that reads them."""

from __future__ import annotations

import tomllib
from collections.abc import Container
from importlib import resources
from typing import TypeVar

from pydantic import BaseModel

AnyDeclared = TypeVar("AnyDeclared", bound=BaseModel)

OWN = "own"
"""What metrics call all that tenants declare: their names have no bound."""


def built_in(package: str, kind: type[AnyDeclared]) -> list[AnyDeclared]:
    """All declarations in the folder `builtin` of a package, in no order."""
    folder = resources.files(package) / "builtin"
    files = (file for file in folder.iterdir() if file.name.endswith(".toml"))
    return [kind.model_validate(tomllib.loads(file.read_text("utf-8"))) for file in files]


def counted_as(name: str, known: Container[str]) -> str:
    """The value of a metric's label for a declaration: the name of a built-in one, or one word for all others."""
    return name if name in known else OWN
