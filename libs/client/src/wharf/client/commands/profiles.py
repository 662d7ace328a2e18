"""See, check and declare the kinds of table that can be loaded: `wharf profiles`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from wharf.client.commands.access import AsJson, client
from wharf.client.failure import ClientError
from wharf.client.table import print_json, print_table

Declaration = Annotated[Path, typer.Argument(help="A declaration in TOML or JSON.", exists=True, dir_okay=False)]
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="See, check and declare the kinds of table that can be loaded.",
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


@app.command("check")
def check(file: Declaration) -> None:
    """Say what is wrong with a declaration, and write nothing."""
    with client() as wharf:
        found = wharf.check_profile(_declared(file))
    typer.echo(f"{found.get('name')}: {len(found.get('columns') or [])} columns, nothing wrong.")


@app.command("save")
def save(file: Declaration) -> None:
    """Declare a kind of table, or change it."""
    with client() as wharf:
        found = wharf.save_profile(_declared(file))
    typer.echo(f"{found.get('name')}: saved.")


@app.command("rm")
def remove(name: Annotated[str, typer.Argument(help="The profile's name.")]) -> None:
    """Take a profile of your own away; what was loaded by it stays."""
    with client() as wharf:
        wharf.remove_profile(name)
    typer.echo(f"{name}: removed.")


def _declared(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text("utf-8")
        found = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
        # TOML has moments of its own; JSON has them as texts.
        found = json.loads(json.dumps(found, default=str))
    except (OSError, ValueError) as error:
        message = f"{file} cannot be read as a declaration: {error}"
        raise ClientError(message, code="bad_file") from error
    if not isinstance(found, dict):
        message = f"{file} holds no declaration: it must be a table with name, title and columns."
        raise ClientError(message, code="bad_file")
    return found
