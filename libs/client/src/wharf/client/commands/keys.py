"""Make, list and revoke keys: `wharf keys`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from wharf.client.commands.access import AsJson, client
from wharf.client.table import print_json, print_table

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Make, list and revoke keys.")


class Role(StrEnum):
    """What a key may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    PLATFORM = "platform"


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for.")],
    *,
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.OPERATOR,
    tenant: Annotated[str | None, typer.Option(help="For this tenant; asks with the platform's key.")] = None,
    project: Annotated[str | None, typer.Option(help="For this project only.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="Until this time (RFC 3339).")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: the only time that it is seen."""
    with client(platform=tenant is not None or role is Role.PLATFORM) as wharf:
        made = wharf.create_key(name, role, tenant=tenant, project_id=project, expires_at=expires_at)
    if as_json:
        print_json(made)
        return
    typer.echo(made["key"])
    typer.echo(f"This is the only time that it is shown. Its id is {made['id']}.", err=True)


@app.command("ls")
def ls(*, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    with client() as wharf:
        found = wharf.keys()
    if as_json:
        print_json(found)
        return
    names = ("id", "name", "role", "project_id", "created_at", "used_at", "expires_at", "revoked_at")
    rows = ([one.get(name) for name in names] for one in found)
    print_table([name.removesuffix("_at").upper() for name in names], rows, empty="There are no keys.")


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")]) -> None:
    """Let nobody in with this key any more."""
    with client() as wharf:
        wharf.revoke_key(key_id)
    typer.echo(f"The key {key_id} is revoked.")
