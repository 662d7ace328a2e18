"""See, check and declare the kinds of table that can be loaded: `wharf profiles`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tomli_w
import typer

from wharf.client.calls import Document
from wharf.client.commands.access import AsJson, client
from wharf.client.commands.declared import read_table
from wharf.client.table import print_json, print_table

Declaration = Annotated[Path, typer.Argument(help="A declaration in TOML or JSON.", exists=True, dir_okay=False)]
TOP, OF_COLUMN = ("name", "title", "key"), ("name", "type", "required", "aliases")
"""In which order people read a declaration."""
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


@app.command("draft")
def draft(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A file of a new kind.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write a declaration for files like this one, in TOML: its columns as they look, and what its key may be."""
    with client() as wharf:
        found = wharf.draft_profile(file)
    columns = [_in_order(column, OF_COLUMN) for column in found.get("columns") or []]
    if as_json:
        print_json(found)
    else:
        typer.echo(tomli_w.dumps(_in_order(found, TOP) | {"columns": columns}), nl=False)


@app.command("check")
def check(file: Declaration) -> None:
    """Say what is wrong with a declaration, and write nothing."""
    with client() as wharf:
        found = wharf.check_profile(read_table(file, "name, title and columns"))
    typer.echo(f"{found.get('name')}: {len(found.get('columns') or [])} columns, nothing wrong.")


@app.command("save")
def save(file: Declaration) -> None:
    """Declare a kind of table, or change it."""
    with client() as wharf:
        found = wharf.save_profile(read_table(file, "name, title and columns"))
    typer.echo(f"{found.get('name')}: saved.")


@app.command("rm")
def remove(name: Annotated[str, typer.Argument(help="The profile's name.")]) -> None:
    """Take a profile of your own away; what was loaded by it stays."""
    with client() as wharf:
        wharf.remove_profile(name)
    typer.echo(f"{name}: removed.")


def _in_order(table: Document, first: Sequence[str]) -> Document:
    """Those fields first; what is not so needs no word, but that there is no key is to be seen."""
    return {name: table[name] for name in (*first, *table) if name == "key" or table.get(name)}
