"""`wharf upload`: send a file, and watch what becomes of it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wharf.client.api import WharfClient
from wharf.client.calls import Document
from wharf.client.commands.access import INTERRUPTED, AsJson, client, watch_to_the_end
from wharf.client.table import print_json
from wharf.client.watching import send


class Mode(StrEnum):
    """What becomes of rows that are there already."""

    APPEND = "append"
    UPSERT = "upsert"
    REPLACE = "replace"


class Priority(StrEnum):
    """How soon."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class DateOrder(StrEnum):
    """How `03/04/2025` is read."""

    MDY = "MDY"
    DMY = "DMY"
    YMD = "YMD"


def upload(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The file to import.")],
    *,
    profile: Annotated[str | None, typer.Option(help="The kind of table; left out, the headers decide.")] = None,
    project: Annotated[str | None, typer.Option(help="The project to import into.")] = None,
    mode: Annotated[Mode | None, typer.Option(help="What becomes of rows that are there already.")] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEADER=COLUMN", help="Which column a header of the file is; HEADER= is none. Repeatable."
        ),
    ] = None,
    options: Annotated[
        str | None, typer.Option(metavar="JSON", help='How to read the file, such as {"delimiter": ";"}.')
    ] = None,
    date_order: Annotated[DateOrder | None, typer.Option(help="How 03/04/2025 is read.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count, but change nothing.")] = False,
    priority: Annotated[Priority | None, typer.Option(help="How soon.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Sent twice under the same key within a day, it is one upload.")
    ] = None,
    watch: Annotated[bool, typer.Option(help="Stay and show the progress; exit code 1 when the job fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import a file: it is sent, checked and loaded by a worker, row by row."""
    choices: dict[str, Any] = {
        "profile": profile,
        "project_id": project,
        "mode": mode,
        "mapping": _mapping(mapping or []),
        "options": _options(options, date_order),
        "dry_run": dry_run,
        "priority": priority,
        "idempotency_key": idempotency_key,
    }
    with client() as wharf:
        answer = _sent(wharf, file, choices, quietly=as_json)
        if as_json:
            print_json(answer)
        elif not watch:
            typer.echo(f"Job {answer['job_id']} is {answer['status']}. Watch it: wharf jobs watch {answer['job_id']}")
        if watch:
            watch_to_the_end(wharf, answer["job_id"])


def _sent(wharf: WharfClient, file: Path, choices: dict[str, Any], *, quietly: bool) -> Document:
    try:
        return wharf.upload(file, **choices) if quietly else send(wharf, file, **choices)
    except KeyboardInterrupt:
        typer.echo("\nThe upload was broken off; nothing was imported.", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _mapping(pairs: list[str]) -> dict[str, str | None]:
    """A header may hold `=` itself, a column's name never does."""
    found: dict[str, str | None] = {}
    for pair in pairs:
        header, equals, column = pair.rpartition("=")
        if not (header and equals):
            raise typer.BadParameter(f"{pair!r} is no HEADER=COLUMN.", param_hint="--mapping")
        found[header] = column or None
    return found


def _options(text: str | None, date_order: DateOrder | None) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError as error:
        raise typer.BadParameter(f"This is no JSON ({error}).", param_hint="--options") from error
    if not isinstance(found, dict):
        raise typer.BadParameter("A JSON object is needed.", param_hint="--options")
    return found | ({"date_order": date_order.value} if date_order else {})
