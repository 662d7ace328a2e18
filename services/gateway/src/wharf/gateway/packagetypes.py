"""A tenant's package types: written by its admins, checked against the datasets that there are."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from wharf.common.errors import Conflict, Invalid, NotFound, Problem
from wharf.common.ledger.models import OwnPackageType
from wharf.common.packages import KnownDatasets, KnownPackages, PackageType, misfits
from wharf.gateway.authentication import Member
from wharf.gateway.declarations import Declaration

MOST = 200
"""Package types of a tenant's own."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('package types of ' || %(tenant)s::text, 0))"


def find_type(connection: Connection, name: str) -> PackageType:
    """The tenant's own package type of that name, else the built-in one; raises `NotFound`."""
    try:
        return KnownPackages.of_tenant(connection).named(name)
    except Invalid as error:
        raise NotFound(error.message, code=error.error_code) from None


def check(connection: Connection, declared: Declaration) -> None:
    """Raise `Invalid` for all that does not fit the datasets, or for one type too many."""
    declared.refuse(_too_many(connection, declared.kind.name))
    declared.refuse(misfits(declared.kind, KnownDatasets.of_tenant(connection)))


def create(connection: Connection, member: Member, declared: Declaration) -> None:
    """Write a new package type; raises `Conflict` where there is one of that name."""
    _alone(connection, member)
    name = declared.kind.name
    if name in KnownPackages.of_tenant(connection).by_name:
        message = f"There is a package type {name} already. Change it with PUT /api/v1/package-types/{name}."
        raise _refused("body.name", "package_type_exists", message)
    write(connection, member, declared)


def write(connection: Connection, member: Member, declared: Declaration) -> bool:
    """Write a package type, the first time or again; gives whether there was none of that name. Raises as `check`."""
    _alone(connection, member)
    check(connection, declared)
    known = KnownPackages.of_tenant(connection).by_name
    name, declaration = declared.kind.name, declared.kind.to_keep()
    values = {"tenant_id": member.tenant_id, "name": name, "declaration": declaration}
    changed = {"declaration": declaration, "updated_at": func.now()}
    written = insert(OwnPackageType).values(values)
    connection.execute(written.on_conflict_do_update(index_elements=["tenant_id", "name"], set_=changed))
    return name not in known


def remove(connection: Connection, name: str) -> None:
    """Take a tenant's own package type away; a built-in one of that name is there again. Its packages stay.

    Raises `NotFound`, and `Conflict` for a built-in one.
    """
    if connection.execute(delete(OwnPackageType).where(OwnPackageType.name == name)).rowcount:
        return
    find_type(connection, name)
    message = f"{name} is built in: it cannot be removed. A package type of your own of that name goes before it."
    raise _refused("path.name", "builtin_package_type", message)


def _alone(connection: Connection, member: Member) -> None:
    """One after the other, until the transaction's end: none is counted or named while another comes."""
    connection.exec_driver_sql(LOCK, {"tenant": member.tenant_id})


def _too_many(connection: Connection, name: str) -> Iterator[Problem]:
    others = select(func.count()).select_from(OwnPackageType).where(OwnPackageType.name != name)
    if connection.execute(others).scalar_one() >= MOST:
        message = f"There may be {MOST} package types. Remove one that is not used."
        yield Problem("name", "too_many_package_types", message)


def _refused(loc: str, code: str, message: str) -> Conflict:
    return Conflict(message, code=code, problems=(Problem(loc, code, message),))
