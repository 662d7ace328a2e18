"""The package types that there are: the built-in ones, and before them those that a tenant has written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

from sqlalchemy import Connection, select

from wharf.common.builtin import built_in
from wharf.common.errors import Invalid, Problem
from wharf.common.ledger.models import OwnPackageType
from wharf.common.nearnames import hint
from wharf.common.packages.locales import locale_named
from wharf.common.packages.options import PackageOptions
from wharf.common.packages.schema import PackageType, Section


@cache
def builtin_packages() -> dict[str, PackageType]:
    """The built-in package types by name."""
    found = built_in("wharf.common.packages", PackageType)
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


def package_named(name: str) -> PackageType:
    """The built-in package type of that name. Raises `Invalid` (`unknown_package_type`), which names the near ones."""
    return KnownPackages(builtin_packages()).named(name)


@dataclass(frozen=True, slots=True)
class KnownPackages:
    """The package types that a tenant can order, by name."""

    by_name: Mapping[str, PackageType]

    @classmethod
    def of_tenant(cls, connection: Connection) -> Self:
        """Those of the transaction's tenant."""
        rows = connection.execute(select(OwnPackageType.name, OwnPackageType.declaration))
        own = {row.name: PackageType.model_validate(row.declaration) for row in rows}
        return cls(dict(sorted((builtin_packages() | own).items())))

    def named(self, name: str) -> PackageType:
        """The package type of that name. Raises `Invalid` (`unknown_package_type`), which names the near ones."""
        if name in self.by_name:
            return self.by_name[name]
        raise _unknown("package type", name, self.by_name, "package_type")


def chosen(kind: PackageType, options: PackageOptions) -> PackageType:
    """A package type as the options want it. Raises `Invalid` for what there is not."""
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
    code = f"unknown_{what.replace(' ', '_')}"
    message = f"There is no {what} {name!r}. {hint(name, known)}"
    return Invalid(message, code=code, problems=(Problem(loc, code, message),))
