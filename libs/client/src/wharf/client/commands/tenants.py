"""Make, limit and list tenants, with the platform's key: `wharf tenants`."""

from __future__ import annotations

from typing import Annotated

import typer

from wharf.client.commands.access import AsJson, client
from wharf.client.table import print_json, print_table

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Make, limit and list tenants (with the platform's key).",
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


@app.command("limit")
def limit(
    name: Annotated[str, typer.Argument(help="The tenant's name.")],
    *,
    published: Annotated[
        int | None, typer.Option(min=1, help="Jobs with the broker or running, in each queue.")
    ] = None,
    urgent: Annotated[int | None, typer.Option(min=1, help="The same for urgent jobs, beside those.")] = None,
) -> None:
    """Limit how many of a tenant's jobs may be published at once; from its next job on."""
    wanted = {field: value for field, value in (("published", published), ("urgent", urgent)) if value is not None}
    if not wanted:
        raise typer.BadParameter("Say which limit: --published, --urgent or both.")
    with client(platform=True) as wharf:
        limits = wharf.set_limits(name, **wanted)["limits"]
    typer.echo(f"The tenant {name} has {limits['published']} places in each queue, and {limits['urgent']} urgent ones.")


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
