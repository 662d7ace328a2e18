"""Make and list tenants, with the platform's key: `wharf tenants`."""

from __future__ import annotations

from typing import Annotated

import typer

from wharf.client.commands.access import AsJson, client
from wharf.client.table import print_json, print_table

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Make and list tenants (with the platform's key).",
)


@app.command("create")
def create(name: Annotated[str, typer.Argument(help="The tenant's name.")], *, as_json: AsJson = False) -> None:
    """Make a tenant."""
    with client(platform=True) as wharf:
        made = wharf.create_tenant(name)
    if as_json:
        print_json(made)
        return
    typer.echo(f"The tenant {name} is there. A key for it: wharf keys create NAME --role admin --tenant {name}")


@app.command("ls")
def ls(*, as_json: AsJson = False) -> None:
    """List the tenants."""
    with client(platform=True) as wharf:
        found = wharf.tenants()
    if as_json:
        print_json(found)
        return
    rows = ((one.get("name"), one.get("created_at")) for one in found)
    print_table(("NAME", "CREATED"), rows, empty="There are no tenants.")
