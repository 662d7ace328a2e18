"""`wharf up`: the stack in the foreground until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from wharf.local.failure import Interrupted, StartFailed
from wharf.local.services import no_services, wharf_services
from wharf.local.stack import LocalStack

STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(  # noqa: PLR0917 - the command's options: typer gives them by name
    data_dir: Annotated[
        Path, typer.Option("--data-dir", envvar="WHARF_DATA_DIR", help="Where everything is kept.", show_default=True)
    ] = Path(".wharf"),
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="The gateway's port; 0 for any free one. Without it 8000, or the next free one."
        ),
    ] = None,
    ingest_workers: Annotated[int, typer.Option(min=1, help="How many ingest workers.")] = 1,
    package_workers: Annotated[int, typer.Option(min=1, help="How many package workers.")] = 1,
    broker_url: Annotated[str | None, typer.Option(help="A broker to use instead of the own Redis.")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="A PostgreSQL 15 or newer instead of the own one, as its owner with CREATEROLE.")
    ] = None,
    *,
    servers_only: Annotated[
        bool, typer.Option("--servers-only", help="PostgreSQL and Redis without Wharf's services: to restore a backup.")
    ] = False,
) -> None:
    """Start the whole stack on this machine and keep it running; Ctrl-C stops it."""
    stack = LocalStack(
        data_dir,
        port=port,
        ingest_workers=ingest_workers,
        package_workers=package_workers,
        broker_url=broker_url,
        database_url=database_url,
        services=no_services if servers_only else wharf_services,
        say=_say,
    )
    keep_up(stack)


def keep_up(stack: LocalStack) -> None:
    """Start `stack`, print the ready line, wait for a signal, stop. `typer.Exit(1)` where it did not start."""
    stopped = _stop_on_signals(stack)
    try:
        with stack:
            typer.echo(_ready_line(stack))
            stopped.wait()
            _say("stopping; once more to hurry")
    except Interrupted:
        _say("stopped before everything was ready")
    except StartFailed as failure:
        typer.echo(f"Wharf did not start. {failure.message}", err=True)
        raise typer.Exit(1) from failure


def _ready_line(stack: LocalStack) -> str:
    connection = stack.connection
    if stack.services is no_services:
        return f"The servers are ready; the database's address is in {stack.folder.connection}  (Ctrl-C stops them)"
    return (
        f"Wharf is ready at {connection.url}  key {connection.api_key}  "
        f"(Ctrl-C stops it; logs in {Path(stack.data_dir) / stack.folder.logs.name})"
    )


def _say(line: str) -> None:
    typer.echo(f"wharf: {line}", err=True)


def _stop_on_signals(stack: LocalStack) -> threading.Event:
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()
        stack.interrupt()

    for number in STOPPERS:
        signal.signal(number, stop)
    return stopped
