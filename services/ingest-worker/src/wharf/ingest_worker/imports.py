"""The import of one file: plan, load, check, merge, account."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import Any

from sqlalchemy import Connection, select, update

from wharf.common.builtin import counted_as
from wharf.common.errors import Invalid, Problem, Transient, Waits
from wharf.common.jobs.kinds import ImportPayload
from wharf.common.jobs.states import Status
from wharf.common.ledger.models import Import, Reject
from wharf.common.metrics import IMPORT_BYTES, IMPORT_ROWS
from wharf.common.profiles import builtin_profiles
from wharf.common.runtime.points import Point, reach
from wharf.ingest_worker import unfinished
from wharf.ingest_worker.acrossrows import check_across_rows, fails_by_dataset
from wharf.ingest_worker.checkpoint import Checkpoint
from wharf.ingest_worker.conflicts import policies_of
from wharf.ingest_worker.loading import LOADED_PERCENT, Context, Loading
from wharf.ingest_worker.outcome import OUTCOMES, Outcome
from wharf.ingest_worker.reading import release_memory
from wharf.ingest_worker.staging import drop_staging
from wharf.ingest_worker.unfinished import Overtaken

TRIES = 5
"""Merges of one attempt."""
SHOWN = 20
"""Rejects that an error names; all of them are in the ledger."""


def run_import(context: Context, *, max_rejects: int, part_bytes: int) -> dict[str, Any]:
    """Load one upload into its dataset; gives the contract's `result` of an import.

    Raises `Invalid` where the file cannot be used, or has more bad rows than `max_rejects`: nothing of it is then in
    the dataset. Raises `Waits` where the file was divided into parts for other workers.
    """
    started = time.monotonic()
    merged = context.checkpoint and context.checkpoint["result"]
    if merged:
        return dict(merged)
    loading = Loading.begin(context)
    policies_of(loading.profile, context.payload.options.conflicts)
    if loading.divide(context.payload.options.part_bytes or part_bytes):
        raise Waits
    with closing(loading.run()) as checkpoints:
        any(_refusal(context, checkpoint, max_rejects) for checkpoint in checkpoints)  # reads on until one is refused
    _refuse_rejects(context, loading.checkpoint, max_rejects)
    result = _checked_and_merged(context, loading, started, max_rejects)
    _count(result, loading.file.size)
    release_memory()
    return result


def _checked_and_merged(context: Context, loading: Loading, started: float, max_rejects: int) -> dict[str, Any]:
    """Again, where another import brought a value meanwhile that must be new: seldom, and each time it fails less."""
    for _ in range(TRIES):
        check_across_rows(loading, max_rejects)
        _refuse_rejects(context, loading.checkpoint, max_rejects)
        with suppress(Overtaken):
            return _merge(context, loading, started)
    message = "Other imports into this dataset came first, again and again. Wharf tries again."
    raise Transient(message, code="overtaken")


def clean_import(connection: Connection, payload: ImportPayload, status: Status) -> None:
    """When the job has ended for good, whichever way, no hidden row stays, and no staged one.

    But a dry run may be committed: its rows wait for WHARF_KEEP_STAGING_DAYS, then the dispatcher's sweep drops them. A
    commit after that reads the file again.
    """
    unfinished.forget(connection, payload.import_id)
    if not (payload.dry_run and status is Status.COMPLETED):
        drop_staging(connection, payload.import_id)


def _merge(context: Context, loading: Loading, started: float) -> dict[str, Any]:
    """All of it or nothing, whatever happens: the result is a part of the checkpoint that commits with the rows."""
    rows = loading.checkpoint.read
    context.report(rows, rows, stage="merge", message="Merging into the dataset", percent=LOADED_PERCENT)
    with context.transaction() as connection:
        loaded = _take_turn(connection, loading)
        result = Outcome.of_merge(connection, loading, loaded).result(connection)
        result["seconds"] = round(time.monotonic() - started, 3)
        if context.payload.dry_run:
            _let_wait(connection, context, loaded)
        context.save(connection, loaded.model_copy(update={"result": result}).to_json())
        reach(Point.BEFORE_MERGE_COMMIT)
    reach(Point.AFTER_MERGE)
    context.report(rows, rows, stage="done", message=_sentence(result), percent=100.0)
    context.log("info", "import.done", **{name: result[name] for name in OUTCOMES}, seconds=result["seconds"])
    return result


def _let_wait(connection: Connection, context: Context, loaded: Checkpoint) -> None:
    """Keep what a commit goes on from: a job's own checkpoint goes with its end."""
    own = update(Import).where(Import.id == context.payload.import_id)
    connection.execute(own.values(waiting=loaded.to_json()))


def _take_turn(connection: Connection, loading: Loading) -> Checkpoint:
    """What is to be merged; raises `Overtaken` where another import was merged since the rows were checked."""
    loading.planned_merge().take_turn(connection)
    if loading.profile.is_unique_in_dataset and fails_by_dataset(connection, loading):
        raise Overtaken
    loaded = loading.settled(connection)
    _refuse_emptied(connection, loading, loaded)
    return loaded


def _refuse_emptied(connection: Connection, loading: Loading, loaded: Checkpoint) -> None:
    """Staging is unlogged: a server that crashed and came back between two transactions has emptied it."""
    if loading.staging.count(connection) != (loaded.staged, loaded.places):
        message = "The server lost the staged rows when it crashed. Wharf reads the file again."
        raise Transient(message, code="staging_lost")


def _refuse_rejects(context: Context, checkpoint: Checkpoint, most: int) -> None:
    """Raise what `_refusal` says, with the rows it is about."""
    if refusal := _refusal(context, checkpoint, most):
        raise _rejected(context, checkpoint, *refusal)


def _refusal(context: Context, checkpoint: Checkpoint, most: int) -> tuple[str, str] | None:
    """The code and the reason where the user wants no more: at the first bad row, or at the end with too many of them.

    And where the ledger keeps no more of them.
    """
    if checkpoint.rejected and context.payload.on_error == "abort":
        return "rows_rejected", "Nothing was loaded, since on_error is abort"
    if checkpoint.rejected > most:
        why = f"Reading stopped there and nothing was loaded, since no more than {most:,} bad rows of a file are kept"
        return "too_many_rejects", why
    limit = context.payload.options.max_reject_ratio
    limit = checkpoint.profile["max_reject_ratio"] if limit is None else limit
    if checkpoint.complete and checkpoint.read and checkpoint.rejected / checkpoint.read > limit:
        return "too_many_rejects", f"Nothing was loaded, since at most {limit:.0%} may be rejected"
    return None


def _rejected(context: Context, checkpoint: Checkpoint, code: str, why: str) -> Invalid:
    """The error that says how many rows are wrong, and shows the first of them."""
    own = Reject.import_id == context.payload.import_id
    with context.database.tenant(context.tenant_id) as connection:
        query = select(Reject.line, Reject.errors).where(own).order_by(Reject.byte_offset).limit(SHOWN)
        rows: list[dict[str, Any]] = [dict(row) for row in connection.execute(query).mappings()]
    problems = tuple(Problem(_place(row, e), e["code"], e["message"]) for row in rows for e in row["errors"])
    first = f" The first: {problems[0].loc}: {problems[0].message}" if problems else ""
    message = (
        f"{checkpoint.rejected} of {checkpoint.read} rows have errors. {why}. Correct them and upload again.{first}"
    )
    return Invalid(message, code=code, detail={"rejected": checkpoint.rejected, "rows": rows}, problems=problems)


def _place(row: dict[str, Any], error: dict[str, Any]) -> str:
    return f"line {row['line']}, {error['column']}" if error["column"] else f"line {row['line']}"


def _sentence(result: dict[str, Any]) -> str:
    return ", ".join(f"{result[name]:,} {name}" for name in OUTCOMES if result[name]) or "no rows"


def _count(result: dict[str, Any], size: int) -> None:
    profile = counted_as(result["profile"], builtin_profiles())
    for outcome in OUTCOMES:
        IMPORT_ROWS.labels(profile, outcome).inc(result[outcome])
    IMPORT_BYTES.labels(profile).inc(size)
