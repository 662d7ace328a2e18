"""`wharf health`: how the installation is."""

from __future__ import annotations

import typer

from wharf.client.commands.access import AsJson, client
from wharf.client.table import print_json, print_table

FAILED = "fail"


def health(*, as_json: AsJson = False) -> None:
    """Say how the installation is (with the platform's key). Exit code 1 when something fails."""
    with client(platform=True) as wharf:
        found = wharf.health()
    if as_json:
        print_json(found)
    else:
        rows = ((name, part["status"], part["detail"]) for name, part in found["parts"].items())
        print_table(("PART", "STATUS", "DETAIL"), rows, empty="Nothing was looked at.")
        typer.echo(f"All in all: {found['status']}.")
    if found["status"] == FAILED:
        raise typer.Exit(1)
