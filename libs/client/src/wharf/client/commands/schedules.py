"""Let work begin by itself, and see what became of it: `wharf schedules`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from wharf.client.commands.access import AsJson, client, wait_to_the_end, watch_to_the_end
from wharf.client.commands.upload import Priority
from wharf.client.table import print_json, print_table

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Let work begin by itself, by the clock."
)


class Overlap(StrEnum):
    """What happens while its job before is at work."""

    SKIP = "skip"
    QUEUE = "queue"
    REPLACE = "replace"


class Misfire(StrEnum):
    """What happens after a time without a scheduler."""

    RUN_ONCE = "run_once"
    SKIP = "skip"


Name = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its name, or its id.", show_default=False)]
Installation = Annotated[bool, typer.Option("--installation", help="One that is built in, with the platform's key.")]
Cron = Annotated[str | None, typer.Option(help="When, such as '0 8 * * MON': minute hour day month weekday.")]
Every = Annotated[int | None, typer.Option(metavar="SECONDS", help="Instead of that: every so many seconds.")]
Zone = Annotated[str | None, typer.Option(help="Whose clock, such as Europe/Berlin.")]
Project = Annotated[str | None, typer.Option(help="The project of its jobs.")]
Soon = Annotated[Priority | None, typer.Option("--priority", help="How soon its jobs go.")]
Busy = Annotated[Overlap | None, typer.Option("--overlap", help="While its job before is at work.")]
Late = Annotated[Misfire | None, typer.Option("--misfire", help="After a time without a scheduler.")]
Grace = Annotated[int | None, typer.Option(metavar="SECONDS", help="How late is still on time.")]
Package = Annotated[str | None, typer.Option(metavar="TYPE", help="It makes this package.")]
Formats = Annotated[str | None, typer.Option("--format", help="Of the package: xlsx, pdf, or both with a comma.")]
Payload = Annotated[str | None, typer.Option(metavar="JSON", help="What its job is told, as the API has it.")]


@app.command("ls")
def ls(*, installation: Installation = False, as_json: AsJson = False) -> None:
    """List the schedules."""
    with client(platform=installation) as wharf:
        found = wharf.schedules()
    if as_json:
        print_json(found)
        return
    rows = ((s["name"], s["words"], s["time_zone"], s["kind"], _next(s)) for s in found)
    print_table(("NAME", "WHEN", "ZONE", "KIND", "NEXT"), rows, empty="There are no schedules.")


@app.command("show")
def show(name: Name, *, installation: Installation = False, as_json: AsJson = False) -> None:
    """Show a schedule and its next five times."""
    with client(platform=installation) as wharf:
        found = wharf.schedule(name)
    if as_json:
        print_json(found)
        return
    _say(found)
    for moment in found["next_runs"]:
        typer.echo(f"  {moment}")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    *,
    cron: Cron = None,
    every: Every = None,
    zone: Zone = None,
    package: Package = None,
    formats: Formats = None,
    kind: Annotated[str | None, typer.Option(help="Instead of a package: this kind of job.")] = None,
    payload: Payload = None,
    project: Project = None,
    priority: Soon = None,
    overlap: Busy = None,
    misfire: Late = None,
    grace: Grace = None,
    as_json: AsJson = False,
) -> None:
    """Let a package, or another kind of job, begin by itself."""
    if (package is None) == (kind is None):
        raise typer.BadParameter("Say what begins: --package TYPE, or --kind with --payload.")
    fields = _fields(cron, every, zone, project, priority, overlap, misfire, grace)
    work = {"kind": kind or "package", "payload": _payload(package, formats, payload) or {}}
    with client() as wharf:
        made = wharf.create_schedule(name=name, **work, **fields)
    print_json(made) if as_json else _say(made)


@app.command("set")
def change(
    name: Name,
    *,
    cron: Cron = None,
    every: Every = None,
    zone: Zone = None,
    package: Package = None,
    formats: Formats = None,
    payload: Payload = None,
    project: Project = None,
    priority: Soon = None,
    overlap: Busy = None,
    misfire: Late = None,
    grace: Grace = None,
    installation: Installation = False,
) -> None:
    """Change a schedule; what is not said stays."""
    changes = _fields(cron, every, zone, project, priority, overlap, misfire, grace)
    if (work := _payload(package, formats, payload)) is not None:
        changes["payload"] = work
    if not changes:
        raise typer.BadParameter("Say what is to change, such as --cron or --overlap.")
    _change(name, installation=installation, **changes)


@app.command("enable")
def enable(name: Name, *, installation: Installation = False) -> None:
    """Let a schedule go on, from now."""
    _change(name, installation=installation, enabled=True)


@app.command("disable")
def disable(name: Name, *, installation: Installation = False) -> None:
    """Let a schedule rest; what runs goes on."""
    _change(name, installation=installation, enabled=False)


@app.command("rm")
def remove(name: Name) -> None:
    """Take a schedule away with its history; its jobs stay."""
    with client() as wharf:
        wharf.remove_schedule(wharf.schedule(name)["id"])
    typer.echo(f"{name}: removed.")


@app.command("run")
def run(
    name: Name,
    *,
    installation: Installation = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing: say what it would do.")] = False,
    watch: Annotated[bool, typer.Option(help="Stay and show the progress; exit code 1 when the job fails.")] = False,
) -> None:
    """Start a schedule's job now, beside its times."""
    with client(platform=installation) as wharf:
        job = wharf.run_schedule(wharf.schedule(name)["id"], dry_run=dry_run)
        if watch:
            to_the_end = wait_to_the_end if installation else watch_to_the_end
            to_the_end(wharf, job.job_id)
            return
    typer.echo(f"Job {job.job_id} is {job.status}.")


@app.command("runs")
def runs(
    name: Name,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    installation: Installation = False,
    as_json: AsJson = False,
) -> None:
    """List what became of a schedule's times."""
    with client(platform=installation) as wharf:
        found = list(wharf.schedule_runs(wharf.schedule(name)["id"], limit=limit))
    if as_json:
        print_json(found)
        return
    rows = ((r["scheduled_for"], "by hand" if r["manual"] else r["outcome"], r["job_id"], r["status"]) for r in found)
    print_table(("FOR", "OUTCOME", "JOB", "STATUS"), rows, empty="It has not run yet.")


def _change(name: str, *, installation: bool, **changes: Any) -> None:  # noqa: ANN401 - JSON may be anything
    with client(platform=installation) as wharf:
        _say(wharf.change_schedule(wharf.schedule(name)["id"], **changes))


def _fields(
    cron: str | None,
    every: int | None,
    zone: str | None,
    project: str | None,
    *policies: Priority | Overlap | Misfire | int | None,
) -> dict[str, Any]:
    names = ("cron", "interval_seconds", "time_zone", "project_id", "priority", "overlap", "misfire", "grace_seconds")
    said = zip(names, (cron, every, zone, project, *policies), strict=True)
    return {name: value for name, value in said if value is not None}


def _payload(package: str | None, formats: str | None, payload: str | None) -> dict[str, Any] | None:
    if package is None:
        return _read(payload) if payload is not None else None
    options = {"formats": [one.strip() for one in formats.split(",")]} if formats else {}
    return {"package_type": package, "options": options}


def _read(payload: str) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except ValueError as error:
        raise typer.BadParameter(f"The payload is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise typer.BadParameter('The payload must be a JSON object, such as {"message": "hello"}.')
    return found


def _next(schedule: dict[str, Any]) -> str:
    return schedule["next_runs"][0] if schedule["next_runs"] else "disabled"


def _say(schedule: dict[str, Any]) -> None:
    following = f"next at {_next(schedule)}" if schedule["enabled"] else "disabled"
    typer.echo(f"{schedule['name']}: {schedule['kind']} {schedule['words']} ({schedule['time_zone']}), {following}")
