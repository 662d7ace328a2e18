"""The undo of one import: all its datasets in one transaction, with an account, exactly once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from wharf.common.clock import new_id
from wharf.common.errors import Conflict
from wharf.common.jobs.kinds import UndoPayload
from wharf.common.jobs.view import job_view
from wharf.common.ledger.journal import Journal
from wharf.common.ledger.models import CellConflict, Dataset, DataUpdate, Import, Job
from wharf.common.ledger.turns import take_turn
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.points import Point, reach
from wharf.ingest_worker import unfinished
from wharf.ingest_worker.merge import MEMORY
from wharf.ingest_worker.population import rows_of
from wharf.ingest_worker.reversal import Reversal, Reversed
from wharf.ingest_worker.traces import Traces

Context = JobContext[UndoPayload]
# The merge, and what was decided later.
MERGED = text("""
    SELECT sum(inserted + updated)::bigint AS written, (array_agg(job_id ORDER BY at))[1] AS job_id
    FROM wharf.data_updates
    WHERE profile = :profile AND project_id = :project AND at >= :at AND import_id = :id AND mode <> 'undo'""")
REPLACED = text("""
    SELECT min(turn) FROM wharf.imports
    WHERE profile = :profile AND project_id = :project AND turn > :turn AND mode = 'replace' AND undone_at IS NULL""")


def run_undo(context: Context) -> dict[str, Any]:
    """Reverse one import; gives the contract's `result` of an undo. All of it or nothing, whatever happens."""
    started = time.monotonic()
    done = context.checkpoint and context.checkpoint["result"]
    if done:
        return dict(done)
    context.report(0, None, stage="undo", message="Giving back what the rows were before")
    with context.transaction() as connection:
        undo = Undo.prepare(connection, context)
        result = undo.run(connection)
        result["seconds"] = round(time.monotonic() - started, 3)
        context.report(result["reversed"], result["reversed"], stage="done", message=_sentence(result), percent=100.0)
        context.save(connection, {"result": result})
        imported = undo.mark(connection)
        reach(Point.BEFORE_MERGE_COMMIT)
    reach(Point.AFTER_MERGE)
    context.feed.tell(job_view(imported), context.tenant_id)
    context.log("info", "undo.done", reversed=result["reversed"], kept=result["kept"], seconds=result["seconds"])
    return result


@dataclass(frozen=True)
class Undo:
    """One undo, in the transaction of the caller."""

    context: Context
    imported: Row[Any]
    """The import's row, locked."""

    @classmethod
    def prepare(cls, connection: Connection, context: Context) -> Undo:
        """Wait for the turn. Raises `Conflict` where there is nothing to undo any more."""
        query = select(*Import.__table__.c).where(Import.id == context.payload.import_id)
        row = connection.execute(query).one()
        schema = connection.execute(select(Dataset.schema_name).where(Dataset.profile == row.profile)).scalar_one()
        take_turn(connection, schema, row.profile, row.project_id)
        undo = cls(context, connection.execute(query.with_for_update()).one())
        if undo.imported.turn is None or undo.imported.undone_at is not None:
            message = "The import is not merged, or is undone already."
            raise Conflict(message, code="already_undone")
        # What an import under way hides may have keys that come back now.
        for hidden in unfinished.hidden_in(connection, row.profile, row.project_id):
            unfinished.make_way(connection, hidden)
        connection.execute(MEMORY)
        return undo

    def run(self, connection: Connection) -> dict[str, Any]:
        """Reverse every dataset, write the account."""
        until = connection.execute(REPLACED, self._place | {"turn": self.imported.turn}).scalar()
        main, *entities = self.imported.datasets
        journal = Journal.of(connection, main)
        before = rows_of(connection, journal.dataset, main, self.imported.project_id)
        written = self._merged(connection).written
        reversal = Reversal(self._traces(journal, until), self._replaced, before, written)
        kept_rows = reversal.kept_rows(connection)
        done = reversal.run(connection)
        kept = self._kept(written, done, stands=until is not None)
        self._account(connection, before, done, kept=kept, stands=until is not None)
        rest = {name: self._of_entity(connection, name).run(connection) for name in entities}
        return {
            "import_id": self.imported.id,
            "profile": main,
            "project_id": self.imported.project_id,
            "reversed": 0 if until else done.out + done.back - done.both,
            "kept": kept,
            "failed": 0,
            "kept_rows": kept_rows,
            "entities": {
                name.removeprefix(f"{main}_"): {"reversed": one.out + one.back - one.both, "kept": one.overwritten}
                for name, one in rest.items()
            },
        }

    def mark(self, connection: Connection) -> Any:  # noqa: ANN401 - a row of jobs
        """The import is undone: nothing of it waits, and the result of its job tells so; gives that job's row."""
        waiting = (CellConflict.import_id == self.imported.id) & CellConflict.decided.is_(None)
        connection.execute(delete(CellConflict).where(waiting))
        connection.execute(update(Import).where(Import.id == self.imported.id).values(undone_at=func.now()))
        told = func.jsonb_build_object("undone_at", func.now(), "undo_job_id", str(self.context.job_id))
        merged = update(Job).where(Job.id == self._merged(connection).job_id).values(result=Job.result.op("||")(told))
        return connection.execute(merged.returning(*Job.__table__.c)).mappings().one()

    def _merged(self, connection: Connection) -> Row[Any]:
        """The account of the merge; it has the same time as the mark on the import."""
        values = self._place | {"at": self.imported.merged_at, "id": self.imported.id}
        return connection.execute(MERGED, values).one()

    @property
    def _place(self) -> dict[str, Any]:
        return {"profile": self.imported.profile, "project": self.imported.project_id}

    @property
    def _replaced(self) -> bool:
        """Only the profile's own dataset is ever replaced."""
        return bool(self.imported.mode == "replace")

    def _of_entity(self, connection: Connection, dataset: str) -> Reversal:
        return Reversal(self._traces(Journal.of(connection, dataset), None), replaced=False)

    def _traces(self, journal: Journal, until: int | None) -> Traces:
        return Traces(journal, self.imported.id, self.imported.turn, self.imported.project_id, until)

    def _kept(self, written: int, done: Reversed, *, stands: bool) -> int:
        """Rows that the import had written and that are another's now; and, of a replacement, keys that are taken."""
        kept = written - (0 if stands else done.out)
        if not self._replaced:
            return kept
        return kept + done.journaled - done.mended - (done.both if stands else done.back)

    def _account(self, connection: Connection, before: int, done: Reversed, *, kept: int, stands: bool) -> None:
        out, back, both = (0, 0, 0) if stands else (done.out, done.back, done.both)
        values: dict[str, Any] = {
            "id": new_id(),
            "tenant_id": self.context.tenant_id,
            "project_id": self.imported.project_id,
            "profile": self.imported.profile,
            "import_id": self.imported.id,
            "job_id": self.context.job_id,
            "mode": "undo",
            "rows_before": before,
            "inserted": back - both,
            "updated": both,
            "unchanged": kept,
            "superseded": out - both,
            "rejected": 0,
            "rows_after": before - out + back,
        }
        connection.execute(insert(DataUpdate).values(values))


def _sentence(result: dict[str, Any]) -> str:
    return f"{result['reversed']:,} reversed, {result['kept']:,} kept"
