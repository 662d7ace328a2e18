"""See the kinds of table that can be loaded: `wharf profiles`."""

from __future__ import annotations

from typing import Annotated

import typer

from wharf.client.commands.access import AsJson, client
from wharf.client.table import print_json, print_table

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="See the kinds of table that can be loaded."
)


@app.command("ls")
def ls(*, as_json: AsJson = False) -> None:
    """List the profiles."""
    with client() as wharf:
        found = wharf.profiles()
    if as_json:
        print_json(found)
        return
    rows = ((one.get("name"), one.get("title"), ", ".join(one.get("key") or [])) for one in found)
    print_table(("NAME", "TITLE", "KEY"), rows, empty="There are no profiles.")


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="The profile's name.")], *, as_json: AsJson = False) -> None:
    """Show a profile's columns and the headers under which files may bring them."""
    with client() as wharf:
        found = wharf.profile(name)
    if as_json:
        print_json(found)
        return
    typer.echo(f"{found.get('name')}: {found.get('title')}; key {', '.join(found.get('key') or []) or 'none'}")
    rows = (
        (one["name"], one.get("type"), "required" if one.get("required") else "", ", ".join(one.get("aliases") or []))
        for one in found.get("columns") or []
    )
    print_table(("COLUMN", "TYPE", "", "ALSO CALLED"), rows, empty="It has no columns.")
