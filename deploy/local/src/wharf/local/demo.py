"""`make demo`: the whole stack, one import with a live bar, its result, and an end."""

from __future__ import annotations

import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import psycopg
import typer
from psycopg import sql
from psycopg.rows import dict_row

from wharf.client.api import WharfClient
from wharf.client.failure import ClientError
from wharf.client.figures import count, duration, size
from wharf.client.job import Job
from wharf.client.watching import first_rejects, outcome, send, watch
from wharf.local.connection import Connection
from wharf.local.failure import StartFailed
from wharf.local.samples import Expected, write_transactions
from wharf.local.stack import LocalStack

ROWS = 300_000
ROWS_A_BAD_ONE = 1000
SEED = 2025
SHOWN_ROWS = 3
INTERRUPTED = 130
FIND_DATASET = """
SELECT d.schema_name, d.table_name FROM wharf.datasets d JOIN wharf.tenants t ON t.id = d.tenant_id
WHERE t.name = 'default' AND d.profile = 'transactions'
"""
SUM = "SELECT count(*) AS rows, coalesce(sum(total), 0) AS total FROM {}"
SHOW = """
SELECT transaction_id, line_number, date AT TIME ZONE 'UTC' AS date, product_name, quantity, unit_price, total, store
FROM {} ORDER BY transaction_id, line_number LIMIT %s
"""


class Loaded(NamedTuple):
    """What is in the dataset: how many rows, the sum of their totals, the first of them."""

    rows: int
    total: Decimal
    first: list[dict[str, Any]]


def demo(*, rows: Annotated[int, typer.Option(min=1, help="How many transactions.")] = ROWS) -> None:
    """Start the stack in a temporary folder, import a sample, show what became of it, stop."""
    started = time.monotonic()
    typer.echo(f"Wharf: {count(rows)} sales transactions, from a CSV file into PostgreSQL\n")
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
        expected = _make_sample(folder / "transactions.csv", rows)
        with WharfClient(connection.url, connection.api_key) as wharf:
            job = _import(wharf, folder / "transactions.csv")
        exact = job.succeeded and _check(connection, job, expected)
        _step(5, "Where to look")
        _tell_where(connection)
        typer.echo("\nStopping everything in order ...")
    return exact


def _make_sample(path: Path, rows: int) -> Expected:
    _step(2, "Making a sample file")
    expected = write_transactions(path, rows, seed=SEED, bad=rows // ROWS_A_BAD_ONE)
    bad = len(expected.rejects)
    typer.echo(f"      {path.name}: {size(path.stat().st_size)}, {count(rows)} rows, {count(bad)} of them spoilt")
    return expected


def _import(wharf: WharfClient, path: Path) -> Job:
    _step(3, "Uploading it; a background worker checks and loads every row")
    job = watch(wharf, send(wharf, path)["job_id"])
    for line in (*outcome(job), *first_rejects(wharf, job)):
        typer.echo(f"      {line}")
    return job


def _check(connection: Connection, job: Job, expected: Expected) -> bool:
    _step(4, "Looking into PostgreSQL")
    loaded = _loaded(connection.database_url)
    rejected = (job.result or {}).get("rejected")
    exact = (loaded.rows, loaded.total, rejected) == (expected.good, expected.total, len(expected.rejects))
    typer.echo(f"      {count(loaded.rows)} rows, the sum of their totals is {loaded.total:,.2f}: {_verdict(exact)}")
    for row in loaded.first:
        typer.echo(
            f"      {row['transaction_id']} line {row['line_number']}  {row['date']:%Y-%m-%d %H:%M}  {row['store']:<11}"
            f"  {row['quantity']:>3} x {row['unit_price']:>7}  = {row['total']:>8}  {row['product_name']}"
        )
    return exact


def _verdict(exact: bool) -> str:  # noqa: FBT001 - one fact, and the only parameter
    return "exactly what the sample holds" if exact else "NOT what the sample holds"


def _loaded(database_url: str) -> Loaded:
    with psycopg.connect(database_url, row_factory=dict_row) as ledger:
        place = ledger.execute(FIND_DATASET).fetchone()
        if place is None:
            return Loaded(0, Decimal(0), [])
        table = sql.Identifier(place["schema_name"], place["table_name"])
        found = ledger.execute(sql.SQL(SUM).format(table)).fetchone() or {}
        first = ledger.execute(sql.SQL(SHOW).format(table), [SHOWN_ROWS]).fetchall()
    return Loaded(found["rows"], found["total"], first)


def _tell_where(connection: Connection) -> None:
    names = ", ".join(connection.processes)
    typer.echo(f"      The API was at {connection.url}/docs, its OpenAPI at {connection.url}/openapi.json.")
    typer.echo(f"      Its processes: {names}.")
    typer.echo("      Keep it running:        make up")
    typer.echo("      Import a file of yours: .venv/bin/wharf upload FILE --watch")
    typer.echo("      How it works:           docs/architecture.md")


def _step(number: int, what: str) -> None:
    typer.echo(f"{'' if number == 1 else chr(10)}[{number}/5] {what}")


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
