"""Remove what is kept for a time only, now, or say what would be removed: `wharf cleanup`."""

from __future__ import annotations

from typing import Annotated

import typer

from wharf.client.calls import Document
from wharf.client.commands.access import AsJson, client
from wharf.client.figures import count, size
from wharf.client.table import print_json, print_table

SCHEDULE = "cleanup"


def cleanup(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is kept for a time only, now instead of at night (with the platform's key)."""
    with client(platform=True) as wharf:
        begun = wharf.run_schedule(wharf.schedule(SCHEDULE)["id"], dry_run=dry_run)
        job = wharf.wait(begun.job_id)
    if as_json:
        print_json(job.result or {"error": job.error})
    elif job.result:
        _say(job.result)
    if not job.succeeded:
        typer.echo(f"Job {job.job_id} {job.status}: {(job.error or {}).get('message', '')}", err=True)
        raise typer.Exit(1)


def _say(result: Document) -> None:
    sizes, trial = result["bytes"], result["dry_run"]
    rows = (
        (name.replace("_", " "), count(number), size(sizes[name]) if name in sizes else "")
        for name, number in result["removed"].items()
    )
    print_table(("CLASS", "WOULD GO" if trial else "GONE", "BYTES"), rows, empty="Nothing is kept for a time only.")
    if not result["complete"]:
        typer.echo("The time for it was over: the next run goes on.")
    if missing := result["missing"]["count"]:
        typer.echo(f"{count(missing)} rows name a file that is not in the storage; --json names the first of them.")
