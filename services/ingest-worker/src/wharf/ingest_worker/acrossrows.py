"""The step between loading and merging: rows that fail a check across rows are set aside like all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wharf.common.errors import Permanent
from wharf.common.profiles.checks import Severity
from wharf.ingest_worker.failures import Failures, split, warnings
from wharf.ingest_worker.loading import LOADED_PERCENT
from wharf.ingest_worker.reading.again import read_again
from wharf.ingest_worker.reading.findings import Finding, added
from wharf.ingest_worker.rowchecks import Asked, Questions
from wharf.ingest_worker.unpacking import open_again

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from wharf.ingest_worker.checkpoint import Checkpoint
    from wharf.ingest_worker.loading import Loading
    from wharf.ingest_worker.merge import Merge


def check_across_rows(loading: Loading, most: int) -> None:
    """Set aside the staged rows that fail, and keep what was found in the checkpoint. Again, it finds the rest.

    Of more than `most` rows that fail some are left: the import is refused then, for it has too many rejects.
    """
    if not (loading.profile.checks or loading.profile.across_rows):
        return
    context, read = loading.context, loading.checkpoint.read
    context.report(read, read, stage="check", message="Checking across rows", percent=LOADED_PERCENT)
    with context.transaction() as connection:
        merge = loading.planned_merge()
        errors, warned = split(_asked(connection, loading, merge))
        failures = Failures.of(connection, merge.rows(), errors, most + 1)
        _set_aside(connection, loading, failures)
        told = warnings(connection, merge.rows(), warned)
        loading.keep(connection, _checked(connection, loading, failures, told))


def fails_by_dataset(connection: Connection, loading: Loading) -> bool:
    """Whether the dataset has, by now, a value that a staged row must be the first to have."""
    merge = loading.planned_merge()
    errors, _ = split(one for one in _asked(connection, loading, merge) if one.by_dataset)
    return bool(Failures.of(connection, merge.rows(), errors, 1).lines.size)


def _asked(connection: Connection, loading: Loading, merge: Merge) -> list[Asked]:
    return Questions.of(connection, merge, loading.mode, loading.checkpoint.staged).all()


def _set_aside(connection: Connection, loading: Loading, failures: Failures) -> None:
    if not failures.lines.size:
        return
    opened, count = open_again(loading.file, loading.context.payload.options, loading.plan.dialect), 0
    for found in read_again(opened.text, loading.plan, failures.lines):
        loading.context.check()
        rejects = found.append_column("errors", failures.errors(found["line"].to_numpy()))
        loading.staging.add_rejects(connection, rejects)
        loading.staging.set_aside(connection, rejects)
        count += found.num_rows
    if count != failures.lines.size:
        message = "Rows of the file are not where they were when it was loaded. Upload it again."
        raise Permanent(message, code="file_changed")


def _checked(connection: Connection, loading: Loading, failures: Failures, warned: list[Finding]) -> Checkpoint:
    """The checkpoint with what was found; a row that was set aside is only a place now."""
    before, count = loading.checkpoint, int(failures.lines.size)
    known = [one for one in before.across if one.severity is Severity.ERROR]
    changes: dict[str, Any] = {
        "staged": before.staged - count,
        "places": before.places + count,
        "told": before.told and not count,
        "rejected": before.rejected + count,
        "across": (*added(known, failures.findings()), *warned),
    }
    if count and loading.profile.period_column:
        changes["period"] = loading.staging.period(connection, loading.profile.period_column)
    return before.model_copy(update=changes)
