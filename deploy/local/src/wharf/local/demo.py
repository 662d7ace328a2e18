"""`make demo`: the whole stack, four files at once with a live bar each, their results, a package, and an end."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg import sql
from psycopg.rows import dict_row

from wharf.client.api import WharfClient
from wharf.client.commands.package import save_files
from wharf.client.failure import ClientError
from wharf.client.figures import count, duration, size
from wharf.client.job import Job
from wharf.client.screen import Step
from wharf.client.watching import first_rejects, outcome, show_job
from wharf.local.board import Board, Place, board
from wharf.local.connection import Connection
from wharf.local.failure import StartFailed
from wharf.local.samples import Expected, write_assets, write_jira_issues, write_purchase_orders, write_transactions
from wharf.local.stack import LocalStack

ROWS = 300_000
ROWS_A_BAD_ONE = 1000
PACKAGE = "procurement_summary"
SEED = 2025
SHOWN_ROWS = 3
INTERRUPTED = 130
FIND_DATASET = """
SELECT d.schema_name, d.table_name FROM wharf.datasets d JOIN wharf.tenants t ON t.id = d.tenant_id
WHERE t.name = 'default' AND d.profile = %s
"""
SHOW = """
SELECT transaction_id, line_number, date AT TIME ZONE 'UTC' AS date, product_name, quantity, unit_price, total, store
FROM {} ORDER BY transaction_id, line_number LIMIT %s
"""

COMMENTS = "sum(cardinality(comments) + coalesce(jsonb_array_length(properties->'_surplus'), 0))"
"""A row with more comments than its header has columns for keeps them too, apart from the others."""


@dataclass(frozen=True)
class Sample:
    """A file of the demo. `rows` of None is asked for; `total` is its account's total in SQL, `of` says of what."""

    name: str
    profile: str
    write: Callable[..., Expected]
    rows: int | None
    total: str
    of: str


SAMPLES = (
    Sample("jira-export.csv", "jira_issues", write_jira_issues, 5_000, COMMENTS, "comments"),
    Sample("assets.csv", "assets", write_assets, 10_000, "sum((properties->>'weight_kg')::numeric)", "kg of equipment"),
    Sample("transactions.csv", "transactions", write_transactions, None, "sum(total)", "in totals"),
    Sample(
        "purchase-orders.csv", "procurement", write_purchase_orders, 20_000, "sum(quantity * unit_price)", "ordered"
    ),
)


@dataclass(frozen=True)
class Import:
    """A file of the demo once it is there: what must become of it."""

    sample: Sample
    path: Path
    expected: Expected

    def run(self, wharf: WharfClient, shown: Board) -> Job:
        """Upload it and follow its job to the end; nobody says what kind of file it is."""
        place = Place(shown, self.sample.name)
        sent = wharf.upload(self.path, on_sent=lambda done, total: place.show(Step("sending", done, total, "bytes")))
        return show_job(wharf.follow(sent["job_id"]), place)

    def wrong(self, job: Job, connection: Connection) -> list[str]:
        """What is not as the file's account says; each as a sentence."""
        if not job.succeeded or job.result is None:
            return [f"The job is {job.status}."]
        expected = self.expected
        rows, total = _loaded(connection.database_url, self.sample)
        created = {name: counts["created"] for name, counts in (job.result.get("entities") or {}).items()}
        facts = (
            ("profile", job.result.get("profile"), self.sample.profile),
            ("rows rejected", job.result.get("rejected"), len(expected.rejects)),
            ("rows loaded", rows, expected.good),
            (self.sample.of, total, expected.total),
            ("things created", created, expected.entities),
        )
        return [f"{what}: {found}, and not {wanted}." for what, found, wanted in facts if found != wanted]


def demo(*, rows: Annotated[int, typer.Option(min=1, help="How many transactions.")] = ROWS) -> None:
    """Start the stack in a temporary folder, import four sample files at once, make a package of one, stop."""
    started = time.monotonic()
    typer.echo("Wharf: four files of four systems at once, from CSV into PostgreSQL\n")
    try:
        with tempfile.TemporaryDirectory(prefix="wharf-demo-", ignore_cleanup_errors=True) as folder:
            succeeded = _run(Path(folder), rows)
    except (StartFailed, ClientError) as failure:
        typer.echo(f"The demo failed. {failure.message}", err=True)
        raise typer.Exit(1) from failure
    except KeyboardInterrupt:
        typer.echo("\nStopped.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(f"Everything is stopped and removed again, after {duration(time.monotonic() - started)}.")
    if not succeeded:
        raise typer.Exit(1)


def _run(folder: Path, rows: int) -> bool:
    _step(1, "Starting PostgreSQL, Redis and Wharf's services on this machine")
    begun = time.monotonic()
    with LocalStack(folder / "data", port=0, discard=True, say=lambda line: typer.echo(f"      {line}")) as stack:
        connection = stack.connection
        typer.echo(f"      ready at {connection.url} in {duration(time.monotonic() - begun)}")
        imports = _make_samples(folder, rows)
        with WharfClient(connection.url, connection.api_key) as wharf:
            jobs = _import(wharf, imports)
            exact = _check(wharf, connection, imports, jobs)
            made = _make_package(wharf)
        _step(6, "Where to look")
        _tell_where(connection)
        typer.echo("\nStopping everything in order ...")
    return exact and made


def _make_package(wharf: WharfClient) -> bool:
    """A workbook and a PDF of the orders, in a folder that stays."""
    _step(5, "Making a package of the purchase orders: a workbook, and a PDF of hundreds of pages")
    with board([PACKAGE]) as shown:
        job_id = wharf.make_package(PACKAGE, formats=("xlsx", "pdf"))["job_id"]
        job = show_job(wharf.follow(job_id), Place(shown, PACKAGE))
    if not job.succeeded or job.result is None:
        typer.echo(f"      The job is {job.status}: {job.error}")
        return False
    pages, rows, seconds = job.result["pages"], job.result["rows"], job.result["seconds"]
    typer.echo(f"      {count(pages)} pages of {count(rows)} rows in {duration(seconds)}")
    save_files(wharf, job_id, Path(tempfile.mkdtemp(prefix="wharf-demo-package-")))
    return True


def _make_samples(folder: Path, rows: int) -> list[Import]:
    _step(2, "Making the sample files")
    return [_make_sample(sample, folder / sample.name, sample.rows or rows) for sample in SAMPLES]


def _make_sample(sample: Sample, path: Path, rows: int) -> Import:
    expected = sample.write(path, rows, seed=SEED, bad=rows // ROWS_A_BAD_ONE)
    bad = len(expected.rejects)
    about = f"{size(path.stat().st_size):>8}, {count(rows):>7} rows, {count(bad)} of them spoilt"
    typer.echo(f"      {path.name:<19} {about}")
    return Import(sample, path, expected)


def _import(wharf: WharfClient, imports: list[Import]) -> list[Job]:
    _step(3, "Uploading them all; background workers find out what they are, check and load every row")
    with board([one.sample.name for one in imports]) as shown, ThreadPoolExecutor(len(imports)) as threads:
        return list(threads.map(partial(_run_one, wharf, shown), imports))


def _run_one(wharf: WharfClient, shown: Board, one: Import) -> Job:
    return one.run(wharf, shown)


def _check(wharf: WharfClient, connection: Connection, imports: list[Import], jobs: list[Job]) -> bool:
    _step(4, "Looking into PostgreSQL")
    told = [_told(wharf, connection, one, job) for one, job in zip(imports, jobs, strict=True)]
    return all(told)


def _told(wharf: WharfClient, connection: Connection, one: Import, job: Job) -> bool:
    """Say what became of one file, and whether all of it is as it must be."""
    result = job.result or {}
    typer.echo(f"      {one.sample.name} -> {result.get('profile')}")
    for line in (*outcome(job), *_entities(result, list(one.expected.entities))):
        typer.echo(f"        {line}")
    if one.sample.rows is None:
        _show_rows(wharf, connection, one, job)
    wrong = one.wrong(job, connection)
    total = f"{count(one.expected.good)} rows, {one.expected.total:,} {one.sample.of}"
    typer.echo(f"        {total}: exactly what the sample holds" if not wrong else "        NOT what the sample holds:")
    for sentence in wrong:
        typer.echo(f"          {sentence}")
    return not wrong


def _entities(result: dict[str, Any], names: list[str]) -> list[str]:
    entities = result.get("entities") or {}
    made = (f"{count(entities[name]['created'])} {name.replace('_', ' ')}" for name in names if name in entities)
    return [f"  {', '.join(made)} created"] if entities else []


def _show_rows(wharf: WharfClient, connection: Connection, one: Import, job: Job) -> None:
    for line in first_rejects(wharf, job):
        typer.echo(f"        {line}")
    for row in _first(connection.database_url, one.sample):
        typer.echo(
            f"          {row['transaction_id']} line {row['line_number']}  {row['date']:%Y-%m-%d %H:%M}"
            f"  {row['store']:<11}  {row['quantity']:>3} x {row['unit_price']:>7}  = {row['total']:>8}"
            f"  {row['product_name']}"
        )


def _loaded(database_url: str, sample: Sample) -> tuple[int, Decimal]:
    """How many rows are in the dataset, and the sample's total over them."""
    query = sql.SQL("SELECT count(*) AS rows, coalesce({}, 0) AS total FROM {{}}").format(sql.SQL(sample.total))
    found = _ask(database_url, sample, query.as_string())
    return (found[0]["rows"], Decimal(found[0]["total"])) if found else (0, Decimal(0))


def _first(database_url: str, sample: Sample) -> list[dict[str, Any]]:
    return _ask(database_url, sample, SHOW, SHOWN_ROWS)


def _ask(database_url: str, sample: Sample, query: str, *values: object) -> list[dict[str, Any]]:
    """The rows of a query on the sample's dataset; none where there is no dataset."""
    with psycopg.connect(database_url, row_factory=dict_row) as ledger:
        place = ledger.execute(FIND_DATASET, [sample.profile]).fetchone()
        if place is None:
            return []
        table = sql.Identifier(place["schema_name"], place["table_name"])
        return ledger.execute(sql.SQL(query).format(table), values).fetchall()


def _tell_where(connection: Connection) -> None:
    names = ", ".join(connection.processes)
    typer.echo(f"      The API was at {connection.url}/docs, its OpenAPI at {connection.url}/openapi.json.")
    typer.echo(f"      Its processes: {names}.")
    typer.echo("      Keep it running:        make up")
    typer.echo("      Import a file of yours: .venv/bin/wharf upload FILE --watch")
    typer.echo("      How it works:           docs/architecture.md")


def _step(number: int, what: str) -> None:
    typer.echo(f"{'' if number == 1 else chr(10)}[{number}/6] {what}")


def main() -> None:
    """Run the demo. Exit code 1 where something is not as it should be."""
    for stream in (sys.stdout, sys.stderr):
        # A name in the data must not end the demo where the locale is plain ASCII.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace", line_buffering=True)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(demo)
    app()


if __name__ == "__main__":
    main()
