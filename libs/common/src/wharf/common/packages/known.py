"""The package types that there are."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from functools import cache
from importlib import resources

from wharf.common.errors import Invalid, Problem
from wharf.common.packages.schema import PackageType


@cache
def builtin_packages() -> dict[str, PackageType]:
    """The built-in package types by name."""
    folder = resources.files("wharf.common.packages") / "builtin"
    found = [
        PackageType.model_validate(tomllib.loads(file.read_text("utf-8")))
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    ]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


def package_named(name: str) -> PackageType:
    """The package type of that name. Raises `Invalid` (`unknown_package_type`), which names the near ones."""
    known = builtin_packages()
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=3, cutoff=0.4) or list(known)
    message = f"There is no package type {name!r}. Did you mean {' or '.join(near)}?"
    problem = Problem("package_type", "unknown_package_type", message)
    raise Invalid(message, code="unknown_package_type", problems=(problem,))
