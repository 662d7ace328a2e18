"""See, pause and resume queues: `wharf queues`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wharf.client.commands.access import AsJson, client
from wharf.client.figures import duration
from wharf.client.table import print_json, print_table

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="See, pause and resume queues."
)
Name = Annotated[str, typer.Argument(metavar="QUEUE", help="The queue's name.", show_default=False)]
Everybody = Annotated[bool, typer.Option("--everybody", help="For all tenants, with the platform's key.")]
Reason = Annotated[
    str | None, typer.Option("--reason", help="Told to all who see the queue.", show_default=False, metavar="TEXT")
]


@app.command("ls")
def ls(*, everybody: Everybody = False, as_json: AsJson = False) -> None:
    """List the queues: what waits and runs, and the workers' places."""
    with client(platform=everybody) as wharf:
        found = wharf.queues()
    if as_json:
        print_json(found)
        return
    headers = ("QUEUE", "WAITING", "OLDEST", "RUNNING", "SLOTS", "PAUSED")
    print_table(headers, map(_row, found), empty="There are no queues.")


@app.command("pause")
def pause(name: Name, *, reason: Reason = None, everybody: Everybody = False) -> None:
    """Let nothing more of a queue start; what runs goes on."""
    with client(platform=everybody) as wharf:
        _say(wharf.pause(name, reason))


@app.command("resume")
def resume(name: Name, *, everybody: Everybody = False) -> None:
    """Let a queue go on."""
    with client(platform=everybody) as wharf:
        _say(wharf.resume(name))


def _row(queue: dict[str, Any]) -> tuple[object, ...]:
    oldest = queue.get("oldest_wait_seconds")
    waited = duration(oldest) if oldest is not None else "-"
    paused = f"by the {queue['paused_by']}{_why(queue)}" if queue.get("paused") else "-"
    return (queue["name"], queue["waiting"], waited, queue["running"], queue["slots"], paused)


def _say(queue: dict[str, Any]) -> None:
    state = f"paused by the {queue['paused_by']}{_why(queue)}" if queue.get("paused") else "open"
    typer.echo(f"The queue {queue['name']} is {state}: {queue['waiting']} waiting, {queue['running']} running.")


def _why(queue: dict[str, Any]) -> str:
    return f" ({queue['pause_reason']})" if queue.get("pause_reason") else ""
