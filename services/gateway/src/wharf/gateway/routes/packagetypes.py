"""`/api/v1/package-types`: the kinds of package that can be made."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from wharf.common.errors import Problem
from wharf.common.packages import KnownPackages, PackageType
from wharf.gateway import packagetypes
from wharf.gateway.authentication import Admin, Viewer
from wharf.gateway.declarations import Declared, described
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/package-types", tags=["packages"])
TypeName = Annotated[str, Path(max_length=63)]
DryRun = Annotated[bool, Query(description="Only check the declaration, and write nothing.")]


class PackageTypePage(BaseModel):
    """The package types that there are, as they are declared."""

    items: list[PackageType]
    next_cursor: str | None = None


@router.get("")
def list_types(resources: Wired, member: Viewer) -> PackageTypePage:
    """The package types that there are: built in, and the tenant's own."""
    with resources.database.tenant(member.tenant_id) as connection:
        return PackageTypePage(items=list(KnownPackages.of_tenant(connection).by_name.values()))


@router.post("", status_code=HTTPStatus.CREATED, openapi_extra=described())
def create(
    resources: Wired, member: Admin, declared: Declared, response: Response, *, dry_run: DryRun = False
) -> PackageType:
    """Declare a new kind of package, in JSON or YAML; with `dry_run` only check what is declared (200)."""
    with resources.database.tenant(member.tenant_id) as connection:
        if dry_run:
            packagetypes.check(connection, declared)
            response.status_code = HTTPStatus.OK
        else:
            packagetypes.create(connection, member, declared)
    return declared.kind


@router.get("/{name}")
def show(resources: Wired, member: Viewer, name: TypeName) -> PackageType:
    """One package type."""
    with resources.database.tenant(member.tenant_id) as connection:
        return packagetypes.find_type(connection, name)


@router.put("/{name}", openapi_extra=described())
def replace(resources: Wired, member: Admin, name: TypeName, declared: Declared, response: Response) -> PackageType:
    """Declare a kind of package, or change it; packages that were ordered are made as they were ordered."""
    if declared.kind.name != name:
        message = f"The declaration is called {declared.kind.name} and the address {name}; they must be the same."
        declared.refuse([Problem("name", "wrong_name", message)])
    with resources.database.tenant(member.tenant_id) as connection:
        if packagetypes.write(connection, member, declared):
            response.status_code = HTTPStatus.CREATED
    return declared.kind


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT)
def remove(resources: Wired, member: Admin, name: TypeName) -> None:
    """Take a package type of the tenant's own away; the packages that were made of it stay."""
    with resources.database.tenant(member.tenant_id) as connection:
        packagetypes.remove(connection, name)
