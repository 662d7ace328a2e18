"""What commands have in common: the connection that they find, and the exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from wharf.client.api import WharfClient
from wharf.client.connection import find_connection
from wharf.client.job import Job
from wharf.client.watching import holdup, outcome, summary, watch

INTERRUPTED = 130
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]


@contextmanager
def client(*, platform: bool = False) -> Iterator[WharfClient]:
    """The client for the connection that is found; `platform`: with the installation's own key."""
    with WharfClient.connect(find_connection(platform=platform)) as found:
        yield found


def watch_to_the_end(wharf: WharfClient, job_id: str) -> None:
    """Watch a job and say what became of it; `typer.Exit(1)` unless it completed. Ctrl-C leaves the job running."""
    if words := holdup(wharf, job_id):
        typer.echo(words, err=True)
    try:
        job = watch(wharf, job_id)
    except KeyboardInterrupt:
        typer.echo(f"\nThe job goes on. See it: wharf jobs watch {job_id}", err=True)
        typer.echo(f"Stop it: wharf jobs cancel {job_id}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    tell(wharf, job)


def wait_to_the_end(wharf: WharfClient, job_id: str) -> None:
    """The same for a job of the installation: it is asked for, since streams of events are the tenants'."""
    job = wharf.wait(job_id)
    for line in outcome(job):
        typer.echo(line)
    if not job.succeeded:
        raise typer.Exit(1)


def tell(wharf: WharfClient, job: Job) -> None:
    """Say what became of a job that has ended; `typer.Exit(1)` unless it completed."""
    for line in summary(wharf, job):
        typer.echo(line)
    if not job.succeeded:
        raise typer.Exit(1)
