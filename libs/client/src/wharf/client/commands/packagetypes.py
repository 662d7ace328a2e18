"""See, check and declare the kinds of package that can be made: `wharf package-types`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wharf.client.commands.access import AsJson, client
from wharf.client.commands.declared import read_table, read_text
from wharf.client.table import print_json, print_table

YAML = frozenset({".yaml", ".yml"})
Declaration = Annotated[Path, typer.Argument(help="A declaration in YAML, TOML or JSON.", exists=True, dir_okay=False)]
Name = Annotated[str, typer.Argument(help="The package type's name.")]
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="See, check and declare the kinds of package that can be made.",
)


@app.command("ls")
def ls(*, as_json: AsJson = False) -> None:
    """List the package types."""
    with client() as wharf:
        found = wharf.package_types()
    if as_json:
        print_json(found)
        return
    rows = ((one.get("name"), one.get("title"), len(one.get("sections") or [])) for one in found)
    print_table(("NAME", "TITLE", "SECTIONS"), rows, empty="There are no package types.")


@app.command("show")
def show(name: Name, *, as_json: AsJson = False) -> None:
    """Show a package type's sections; with --json all of it, ready to be changed and saved under another name."""
    with client() as wharf:
        found = wharf.package_type(name)
    if as_json:
        print_json(found)
        return
    typer.echo(f"{found.get('name')}: {found.get('title')}")
    rows = (
        (one["name"], one.get("title"), one.get("dataset"), ", ".join(c["name"] for c in one.get("columns") or []))
        for one in found.get("sections") or []
    )
    print_table(("SECTION", "TITLE", "DATASET", "COLUMNS"), rows, empty="It has no sections.")


@app.command("check")
def check(file: Declaration) -> None:
    """Say what is wrong with a declaration, and write nothing."""
    with client() as wharf:
        found = wharf.check_package_type(_declared(file))
    typer.echo(f"{found.get('name')}: {len(found.get('sections') or [])} sections, nothing wrong.")


@app.command("save")
def save(file: Declaration) -> None:
    """Declare a kind of package, or change it."""
    with client() as wharf:
        found = wharf.save_package_type(_declared(file))
    typer.echo(f"{found.get('name')}: saved. Order one: wharf package {found.get('name')}")


@app.command("rm")
def remove(name: Name) -> None:
    """Take a package type of your own away; the packages that were made of it stay."""
    with client() as wharf:
        wharf.remove_package_type(name)
    typer.echo(f"{name}: removed.")


def _declared(file: Path) -> dict[str, Any] | str:
    """YAML as it is: the server reads it, and tells the lines of what is wrong."""
    return read_text(file) if file.suffix in YAML else read_table(file, "name, title and sections")
