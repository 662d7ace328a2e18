"""The package types that there are."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib import resources

from wharf.common.errors import Invalid, Problem
from wharf.common.packages.locales import locale_named
from wharf.common.packages.options import PackageOptions
from wharf.common.packages.schema import PackageType, Section


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
    raise _unknown("package type", name, known, "package_type")


def chosen(name: str, options: PackageOptions) -> PackageType:
    """The package type of that name as the options want it. Raises `Invalid` for what there is not."""
    kind = package_named(name)
    locale_named(options.locale or kind.locale)
    page = kind.page.model_copy(
        update={
            "size": options.page_size or kind.page.size,
            "orientation": options.orientation or kind.page.orientation,
        }
    )
    update = {"page": page, "locale": options.locale or kind.locale, "sections": _sections(kind, options)}
    return kind.model_copy(update=update)


def _sections(kind: PackageType, options: PackageOptions) -> tuple[Section, ...]:
    known = {section.name: section for section in kind.sections}
    for name in options.sections or ():
        if name not in known:
            raise _unknown("section", name, known, "options.sections")
    wanted = options.sections or tuple(known)
    return tuple(section for section in kind.sections if section.name in wanted)


def _unknown(what: str, name: str, known: Iterable[str], loc: str) -> Invalid:
    """An error that names what is near."""
    near = get_close_matches(name, known, n=3, cutoff=0.4) or list(known)
    code = f"unknown_{what.replace(' ', '_')}"
    message = f"There is no {what} {name!r}. Did you mean {' or '.join(near)}?"
    return Invalid(message, code=code, problems=(Problem(loc, code, message),))
