"""What became of an import: the merge, its account and the job's result, all in one transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection

from wharf.common.errors import Problem
from wharf.ingest_worker import unfinished
from wharf.ingest_worker.account import Account, earlier_import, known_import
from wharf.ingest_worker.checkpoint import Checkpoint
from wharf.ingest_worker.conflicts import policies_of
from wharf.ingest_worker.entities import EntityCounts, FanOut
from wharf.ingest_worker.loading import Loading
from wharf.ingest_worker.merge import Counts, Merge
from wharf.ingest_worker.savedmappings import given, note_use, remember

OUTCOMES = ("inserted", "updated", "unchanged", "superseded", "rejected")
"""Every row read is one of these."""


@dataclass(frozen=True)
class Outcome:
    """The end of one import, in the transaction of the caller."""

    loading: Loading
    loaded: Checkpoint
    counts: Counts
    entities: dict[str, EntityCounts]
    disagreements: list[Problem]

    @classmethod
    def of_merge(cls, connection: Connection, loading: Loading, loaded: Checkpoint) -> Outcome:
        """Merge what is staged and write the account. A dry run counts exactly: it merges, and takes it back."""
        attempt = connection.begin_nested()
        merge = loading.merge_of(loaded).prepared(connection)
        policies = policies_of(loading.profile, loading.context.payload.options.conflicts)
        merge = replace(merge, policies=policies, job_id=loading.context.job_id)
        counts = _counts(connection, merge, loading, loaded)
        entities = FanOut(merge)
        outcome = cls(loading, loaded, counts, entities.run(connection, counts), entities.disagreements(connection))
        if loading.context.payload.dry_run:
            attempt.rollback()
        else:
            attempt.commit()
            outcome._account(merge.turn).write(connection)
            outcome._remember(connection)
        if loaded.places and not loaded.told:
            few = loaded.places < loaded.read // 2
            merge.number_rejects(connection, direct=loaded.direct is not None, few=few)
        return outcome

    def result(self, connection: Connection) -> dict[str, Any]:
        """The contract's `result` of an import, but for its seconds."""
        payload, plan = self.loading.context.payload, self.loading.plan
        start, end = self.loaded.period or (None, None)
        duplicate = earlier_import(connection, self.loading.upload, payload.import_id)
        return {
            "import_id": payload.import_id,
            "upload_id": payload.upload_id,
            "profile": self.loading.profile.name,
            "project_id": self.loading.context.view.project_id,
            "mode": self.loading.mode,
            "dry_run": payload.dry_run,
            "rows_read": self.loaded.read,
            "inserted": self.counts.inserted,
            "updated": self.counts.updated,
            "unchanged": self.counts.unchanged,
            "superseded": self.counts.superseded,
            "rejected": self.loaded.rejected,
            "conflicts": self.counts.conflicts,
            "warnings": [asdict(w) for w in (*plan.warnings, *self._read_otherwise(), *self.disagreements)],
            "problems": [one.as_dict() for one in (*self.loaded.findings, *self.loaded.across)],
            "skipped_lines": [
                asdict(line) for line in plan.dialect.skipped(self.loaded.cursor.line, self.loaded.comments)
            ],
            "dialect": plan.dialect.as_dict(),
            "mapping": plan.mapping.as_dict(self.loading.profile),
            "drift": self.loaded.drift.as_dict() if self.loaded.drift else None,
            "period": {"from": start, "to": end} if start and end else None,
            "entities": {name: asdict(counts) for name, counts in self.entities.items()},
            "duplicate_of": duplicate,
            "corrects": known_import(connection, plan.corrects),
        }

    def _read_otherwise(self) -> list[Problem]:
        """That rows were read otherwise than they are written, or lines left out that are not listed."""
        loaded, found = self.loaded, []
        if loaded.mended:
            lines = ", ".join(map(str, loaded.mended_lines))
            message = (
                f"{loaded.mended} rows have a stray quote before a cell; it was read as a part of it. "
                f"The first are on the lines {lines}."
            )
            found.append(Problem("(whole row)", "stray_quote", message))
        if more := loaded.commented - len(loaded.comments):
            message = f"{loaded.commented} lines are comments; the last {more} of them are not listed."
            found.append(Problem("(whole row)", "comments", message))
        return found

    def _remember(self, connection: Connection) -> None:
        """A mapping that was given, or that proved itself again, is used for the next file with these headers."""
        context, header = self.loading.context, self.loading.plan.dialect.header
        if self.loaded.saved_mapping:
            note_use(connection, self.loaded.saved_mapping)
        elif context.payload.mapping:
            profile, import_id = self.loading.profile.name, context.payload.import_id
            remember(connection, context.tenant_id, given(profile, import_id, header, context.payload.mapping))

    def _account(self, turn: int) -> Account:
        context = self.loading.context
        return Account(
            tenant_id=context.tenant_id,
            project_id=context.view.project_id,
            profile=self.loading.profile.name,
            import_id=context.payload.import_id,
            job_id=context.job_id,
            mode=self.loading.mode,
            counts=self.counts,
            rejected=self.loaded.rejected,
            period=self.loaded.period,
            turn=turn,
            datasets=self.loading.profile.dataset_names,
        )


def _counts(connection: Connection, merge: Merge, loading: Loading, loaded: Checkpoint) -> Counts:
    if loaded.direct is None:
        return unfinished.merged_among_others(connection, merge, loading.mode, loaded.staged)
    counts = merge.already_there(connection, loaded.direct)
    unfinished.end(connection, merge.import_id)
    return counts
