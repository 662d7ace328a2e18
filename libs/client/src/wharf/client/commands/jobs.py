"""See and steer jobs: `wharf jobs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wharf.client.api import WharfClient
from wharf.client.commands.access import AsJson, JobId, client, tell, watch_to_the_end
from wharf.client.figures import size
from wharf.client.job import Job
from wharf.client.screen import Step
from wharf.client.table import print_json, print_table
from wharf.client.watching import outcome, reject_lines

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="See and steer jobs.")

OneJob = Annotated[str | None, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]
Every = Annotated[bool, typer.Option("--all", help="All jobs that the filters find, instead of one.")]
Statuses = Annotated[list[str] | None, typer.Option("--status", help="Only those in this state. May be repeated.")]
OfKind = Annotated[str | None, typer.Option("--kind", help="Only this kind, such as import.")]
OfQueue = Annotated[str | None, typer.Option("--queue", help="Only this queue.")]
OfProject = Annotated[str | None, typer.Option("--project", help="Only this project.")]
Labelled = Annotated[str | None, typer.Option("--query", "-q", help="Only those with this in their label.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="With --all: count them, but change nothing.")]

Watching = Annotated[bool, typer.Option("--watch/--no-watch", help="Stay and show one job's progress.")]


@app.command("ls")
def ls(
    *,
    status: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, such as import.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those made since this time (RFC 3339).")] = None,
    query: Annotated[str | None, typer.Option("--query", "-q", help="Only those with this in their label.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    with client() as wharf:
        found = list(
            wharf.jobs(limit=limit, status=status, kind=kind, queue=queue, project_id=project, since=since, q=query)
        )
    if as_json:
        print_json([job.document for job in found])
        return
    headers = ("JOB", "KIND", "STATUS", "DONE", "CREATED", "PROJECT", "LABEL")
    print_table(headers, map(_row, found), empty="There are no such jobs.")


@app.command("show")
def show(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show one job with its attempts."""
    with client() as wharf:
        job = wharf.job(job_id)
        attempts = wharf.attempts(job_id)
    if as_json:
        print_json(job.document | {"attempts": attempts})
        return
    shown = ("job_id", "kind", "status", "queue", "priority", "project_id", "label", "created_at", "finished_at")
    for name in shown:
        typer.echo(f"{name:<12}{job.document.get(name) or '-'}")
    typer.echo(f"{'progress':<12}{_done(job)}")
    if job.error:
        typer.echo(f"{'error':<12}{job.error['message']}")
    if job.result:
        typer.echo(f"{'result':<12}{'; '.join(outcome(job))} (--json shows all of it)")
    rows = ((one["attempt"], one.get("started_at"), one.get("outcome"), one.get("worker")) for one in attempts)
    print_table(("ATTEMPT", "STARTED", "OUTCOME", "WORKER"), rows, empty="No worker has taken it yet.")


@app.command("logs")
def logs(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show the lines that a job wrote about itself."""
    with client() as wharf:
        lines = list(wharf.logs(job_id))
    if as_json:
        print_json(lines)
        return
    names = ("at", "attempt", "level", "event")
    rows = ([*(line.get(name) for name in names), _fields(line)] for line in lines)
    print_table(("AT", "ATTEMPT", "LEVEL", "EVENT", ""), rows, empty="It has written nothing yet.")


@app.command("watch")
def watch(job_id: JobId) -> None:
    """Show a job's progress until it has ended; exit code 1 unless it completed."""
    with client() as wharf:
        watch_to_the_end(wharf, job_id)


@app.command("cancel")
def cancel(
    job_id: OneJob = None,
    *,
    every: Every = False,
    status: Statuses = None,
    kind: OfKind = None,
    queue: OfQueue = None,
    project: OfProject = None,
    query: Labelled = None,
    dry_run: DryRun = False,
) -> None:
    """Ask for the end of a job, or of --all that match; what it has changed is taken back."""
    chosen = _chosen(job_id, status, kind, queue, project, query, every=every, dry_run=dry_run)
    with client() as wharf:
        if isinstance(chosen, str):
            _say(wharf.cancel(chosen))
        else:
            _say_done("cancelled", wharf.bulk("cancel", chosen, dry_run=dry_run), dry_run=dry_run)


@app.command("retry")
def retry(
    job_id: OneJob = None,
    *,
    every: Every = False,
    status: Statuses = None,
    kind: OfKind = None,
    queue: OfQueue = None,
    project: OfProject = None,
    query: Labelled = None,
    dry_run: DryRun = False,
    watching: Watching = False,
) -> None:
    """Try a job that failed or was cancelled again, or --all that match."""
    chosen = _chosen(job_id, status, kind, queue, project, query, every=every, dry_run=dry_run)
    with client() as wharf:
        if not isinstance(chosen, str):
            _say_done("tried again", wharf.bulk("retry", chosen, dry_run=dry_run), dry_run=dry_run)
            return
        _say(wharf.retry(chosen))
        if watching:
            watch_to_the_end(wharf, chosen)


@app.command("discard")
def discard(
    job_id: OneJob = None,
    *,
    every: Every = False,
    status: Statuses = None,
    kind: OfKind = None,
    queue: OfQueue = None,
    project: OfProject = None,
    query: Labelled = None,
    dry_run: DryRun = False,
) -> None:
    """Take a failed job, or --all that match, off the list of those that wait for somebody."""
    chosen = _chosen(job_id, status, kind, queue, project, query, every=every, dry_run=dry_run)
    with client() as wharf:
        if isinstance(chosen, str):
            job = wharf.discard(chosen)
            typer.echo(f"Job {job.job_id} is discarded; it stays {job.status}.")
        else:
            _say_done("discarded", wharf.bulk("discard", chosen, dry_run=dry_run), dry_run=dry_run)


@app.command("undo")
def undo(job_id: JobId, *, watching: Watching = False) -> None:
    """Reverse an import: a new job. Rows that something else has changed since are kept."""
    with client() as wharf:
        _go_on(wharf, wharf.undo(job_id), watching=watching)


@app.command("commit")
def commit(job_id: JobId, *, watching: Watching = False) -> None:
    """Merge what a dry run has checked: a new job."""
    with client() as wharf:
        _go_on(wharf, wharf.commit(job_id), watching=watching)


@app.command("conflicts")
def conflicts(
    job_id: JobId,
    *,
    take: Annotated[str | None, typer.Option(help="Decide all that wait: existing or incoming.")] = None,
    column: Annotated[str | None, typer.Option(help="With --take: only those of this column.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --take: count them, but change nothing.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the cells that an import asks about, or decide all of them."""
    with client() as wharf:
        if take is not None:
            wanted = {"take": take, "column": column, "all": True, "dry_run": dry_run}
            answer = wharf.decide(job_id, {name: value for name, value in wanted.items() if value is not None})
            typer.echo(f"{answer['done']:,} of {answer['matched']:,} cells are decided.")
            return
        found = list(wharf.conflicts(job_id, limit=limit))
    if as_json:
        print_json(found)
        return
    names = ("id", "line", "column", "existing", "incoming", "decided")
    rows = ([*(one.get(name) for name in names)] for one in found)
    print_table(tuple(name.upper() for name in names), rows, empty="Nothing waits for a decision.")


def _go_on(wharf: WharfClient, job: Job, *, watching: bool) -> None:
    _say(job)
    if watching:
        watch_to_the_end(wharf, job.job_id)


@app.command("result")
def result(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show what a job resulted in; exit code 1 unless it completed."""
    with client() as wharf:
        if as_json:
            print_json(wharf.result(job_id))
            return
        job = wharf.job(job_id)
        if not job.ended:
            _say(job)
            return
        tell(wharf, job)


@app.command("rejects")
def rejects(
    job_id: JobId,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Write all of them as a CSV into this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the rows that an import set aside, and why."""
    with client() as wharf:
        if out:
            written = wharf.save_rejects(job_id, out)
            typer.echo(f"{out}: {size(written)}. Mend the rows and upload it as it is.")
            return
        found = list(wharf.rejects(job_id, limit=limit))
    if as_json:
        print_json(found)
        return
    for line in (line for reject in found for line in reject_lines(reject)):
        typer.echo(line)
    if not found:
        typer.echo("It has no rejects.")


def _row(job: Job) -> tuple[object, ...]:
    document = job.document
    created = str(document.get("created_at", ""))[:19].replace("T", " ")
    return (job.job_id, job.kind, job.status, _done(job), created, document.get("project_id"), document.get("label"))


def _done(job: Job) -> str:
    return f"{Step.of(job).done} ({job.progress.percent:.0f} %)" if job.progress.current else "-"


def _fields(line: dict[str, object]) -> str:
    fields = line.get("fields")
    return " ".join(f"{name}={value}" for name, value in fields.items()) if isinstance(fields, dict) else ""


def _say(job: Job) -> None:
    typer.echo(f"Job {job.job_id} is {job.status}.")


def _chosen(
    job_id: str | None,
    status: list[str] | None,
    *filters: str | None,
    every: bool,
    dry_run: bool,
) -> str | dict[str, Any]:
    """One job's id, or the filter that stands for many."""
    named = dict(zip(("kind", "queue", "project_id", "q"), filters, strict=True)) | {"status": status or None}
    given = {name: value for name, value in named.items() if value is not None}
    if every and job_id is None:
        return given
    if every or given or dry_run or job_id is None:
        raise typer.BadParameter("Name one JOB, or say --all with filters such as --status failed.")
    return job_id


def _say_done(done: str, answer: dict[str, int], *, dry_run: bool) -> None:
    matched = answer["matched"]
    if dry_run:
        typer.echo(f"{matched:,} jobs would be {done}. Nothing was changed.")
        return
    left = matched - answer["done"]
    typer.echo(f"{answer['done']:,} jobs are {done}." + (f" {left:,} are left: call this again." if left else ""))
