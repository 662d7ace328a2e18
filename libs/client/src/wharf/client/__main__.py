"""The `wharf` command."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wharf.client.entry import LazyCommand
from wharf.client.failure import ClientError

GROUP = "wharf.commands"
OWN = tuple(
    EntryPoint(name, f"wharf.client.commands.{name.replace('-', '')}:{target}", GROUP)
    for name, target in (
        ("upload", "upload"), ("package", "package"), ("package-types", "app"), ("jobs", "app"), ("profiles", "app"),
        ("schedules", "app"), ("queues", "app"), ("workers", "workers"), ("health", "health"), ("keys", "app"),
        ("webhooks", "app"), ("tenants", "app"), ("backup", "app"), ("cleanup", "cleanup"),
    )
)  # fmt: skip


class Commands(TyperGroup):
    """Our commands, then those that other packages bring as entry points of the group `wharf.commands`."""

    def list_commands(self, _ctx: Any) -> list[str]:  # noqa: ANN401 - typer keeps its contexts' types private
        """All names."""
        return list(_entries())

    def get_command(self, _ctx: Any, cmd_name: str) -> LazyCommand | None:  # noqa: ANN401 - as above
        """The command of that name, not loaded yet."""
        entry = _entries().get(cmd_name)
        return LazyCommand(entry) if entry else None


def _entries() -> dict[str, EntryPoint]:
    brought = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    own = {entry.name: entry for entry in OWN}
    return own | {entry.name: entry for entry in brought if entry.name not in own}


app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        typer.echo(f"wharf {version('wharf-client')}")
        raise typer.Exit


@app.callback()
def wharf(
    *,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")
    ] = False,
) -> None:
    """Hand files to Wharf and see what becomes of them.

    Address and key come from WHARF_URL and WHARF_API_KEY (.env works too), or from the stack that runs in ./.wharf.
    """


def main() -> None:
    """Run the command line. Exit code 1 when something failed or was refused, 2 when it was called wrongly."""
    try:
        app()
    except ClientError as error:
        typer.echo(f"wharf: {error.message}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
