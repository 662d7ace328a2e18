"""Backups of the installation, with the platform's key: `wharf backup`."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wharf.client.api import WharfClient
from wharf.client.commands.access import AsJson, client
from wharf.client.entry import LazyCommand
from wharf.client.figures import size
from wharf.client.job import Job
from wharf.client.table import print_json, print_table

GROUP = "wharf.commands.backup"


class BackupCommands(TyperGroup):
    """Ours, over the HTTP API; then `restore`, which works while nothing else does, and which the scheduler brings."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer keeps its contexts' types private
        """All names."""
        return [*super().list_commands(ctx), *sorted(entry.name for entry in entry_points(group=GROUP))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """The command of that name."""
        brought = {entry.name: entry for entry in entry_points(group=GROUP)}
        return LazyCommand(brought[cmd_name]) if cmd_name in brought else super().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=BackupCommands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Make, verify and restore backups of the installation (with the platform's key).",
)
Watching = Annotated[bool, typer.Option("--watch/--no-watch", help="Stay until it is done; exit code 1 if it failed.")]


@app.command("ls")
def ls(*, as_json: AsJson = False) -> None:
    """List the backups, the newest first."""
    with client(platform=True) as wharf:
        found = wharf.backups()
    if as_json:
        print_json(found)
        return
    rows = ((b["id"], b["created_at"], size(b["bytes"]), f"{b['rows']:,}", _verified(b)) for b in found)
    print_table(("BACKUP", "OF", "SIZE", "ROWS", "VERIFIED"), rows, empty="There is no backup yet: wharf backup run")


@app.command("run")
def run(*, watch: Watching = True) -> None:
    """Make a backup now, beside the daily ones."""
    with client(platform=True) as wharf:
        _follow(wharf, wharf.make_backup(), watch=watch)


@app.command("verify")
def verify(
    backup: Annotated[str | None, typer.Argument(metavar="BACKUP", help="Its id; the newest one unless said.")] = None,
    *,
    watch: Watching = True,
) -> None:
    """Restore a backup on trial, into a database that is dropped again, and compare every table."""
    with client(platform=True) as wharf:
        chosen = backup or next((one["id"] for one in wharf.backups()), None)
        if chosen is None:
            typer.echo("There is no backup yet: wharf backup run", err=True)
            raise typer.Exit(1)
        _follow(wharf, wharf.verify_backup(chosen), watch=watch)


def _follow(wharf: WharfClient, job: Job, *, watch: bool) -> None:
    if not watch:
        typer.echo(f"Job {job.job_id} is {job.status}.")
        return
    done = wharf.wait(job.job_id)
    if not done.succeeded:
        typer.echo(done.error["message"] if done.error else f"The job is {done.status}.", err=True)
        raise typer.Exit(1)
    result = done.result or {}
    did = "stored and read back" if result["action"] == "make" else "restored on trial: it has the same rows"
    counts = f"{result['tables']:,} tables, {result['rows']:,} rows, {size(result['bytes'])}"
    typer.echo(f"Backup {result['backup_id']} {did} ({counts}, {result['seconds']:.1f} s).")


def _verified(backup: dict[str, Any]) -> str:
    last = backup["verification"]
    if last is None:
        return "not yet"
    return str(last["at"]) if last["passed"] else f"FAILED: {last['problem']}"
