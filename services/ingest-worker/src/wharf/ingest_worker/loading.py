"""Reading a file into staging, batch by batch. Any batch may be the first one of a later attempt."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from wharf.common.errors import Permanent
from wharf.common.imports import ImportOptions
from wharf.common.jobs.kinds import ImportPayload
from wharf.common.ledger.models import Import, Upload
from wharf.common.profiles import Profile, builtin_profile, builtin_profiles
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.points import Point, reach
from wharf.common.storage import StoredFile
from wharf.ingest_worker.checkpoint import Checkpoint
from wharf.ingest_worker.reading import SAMPLE_BYTES, Batch, Dialect, Plan, detect_profile, make_plan, read_batches
from wharf.ingest_worker.reading.batches import PROPERTIES
from wharf.ingest_worker.staging import Staging
from wharf.ingest_worker.unpacking import Opened, open_again, open_file
from wharf.ingest_worker.unpacking.opening import Packing

LOADED_PERCENT = 80.0
"""Of the bar: reading and staging. The rest is merging."""

Context = JobContext[ImportPayload]


@dataclass
class Loading:
    """One attempt at staging one file."""

    context: Context
    upload: Upload
    file: StoredFile
    opened: Opened
    profile: Profile
    plan: Plan
    staging: Staging
    checkpoint: Checkpoint

    @classmethod
    def begin(cls, context: Context) -> Loading:
        """Make a plan, or go on with the one of an earlier attempt if its rows are all still there."""
        upload = find_upload(context, context.payload.upload_id)
        file = context.storage.open_file(upload.storage_key)
        opened, checkpoint = _planned(context, file)
        profile = Profile.model_validate(checkpoint.profile)
        with context.transaction() as connection:
            staging = Staging.open(connection, context.payload.import_id, profile)
            checkpoint = _verified(context, connection, staging, checkpoint)
            context.save(connection, checkpoint.to_json())
            _note_profile(connection, context, profile)
        return cls(context, upload, file, opened, profile, Plan.from_dict(checkpoint.plan), staging, checkpoint)

    @property
    def mode(self) -> str:
        """How the rows will be merged: as asked, else what the profile's key suggests."""
        return merge_mode(self.context.payload, self.profile)

    @property
    def brought(self) -> frozenset[str]:
        """The dataset's columns that the file has; known for `properties` when all of it is loaded."""
        targets = {m.target for m in self.plan.mapping.matches if m.target}
        return frozenset(targets | ({PROPERTIES} if self.checkpoint.has_properties else set()))

    def run(self) -> Iterator[Checkpoint]:
        """Stage the rest of the file; gives the checkpoint after each batch, and a last one that is complete."""
        for batch in _one_ahead(read_batches(self.opened.text, self.plan, self.profile, self.checkpoint.cursor)):
            self.context.check()
            self._stage(batch)
            self._report()
            yield self.checkpoint
        if not self.checkpoint.complete:
            with self.context.transaction() as connection:
                self._keep(connection, self.checkpoint.model_copy(update={"complete": True}))
        yield self.checkpoint

    def _stage(self, batch: Batch) -> None:
        """Rows, rejects and cursor commit together: whatever kills this process, nothing is doubled or left out."""
        with self.context.transaction() as connection:
            self.staging.add_rows(connection, batch.rows)
            self.staging.add_rows(connection, batch.places)
            self.staging.add_rejects(connection, batch.rejects)
            self._keep(connection, self.checkpoint.after(batch, gaps=self._gaps(batch)))
        reach(Point.AFTER_BATCH)

    def _share_done(self) -> float:
        """Of plain text by the rows that are staged; of others by what was unpacked, which may be a little ahead."""
        if self.opened.packing == Packing():
            return self.checkpoint.cursor.byte_offset / self.file.size
        return self.opened.share_read

    def _keep(self, connection: Connection, checkpoint: Checkpoint) -> None:
        self.context.save(connection, checkpoint.to_json())
        self.checkpoint = checkpoint

    def _gaps(self, batch: Batch) -> frozenset[str]:
        numbered = [c.name for c in self.profile.columns if c.number_within and c.name in self.brought]
        return frozenset(name for name in numbered if batch.rows[name].null_count)

    def _report(self) -> None:
        done, read = self._share_done(), self.checkpoint.read
        total = max(read, round(read / done)) if done else None
        percent = LOADED_PERCENT * done
        self.context.report(read, total, stage="load", message="Reading and checking rows", percent=percent)


def merge_mode(payload: ImportPayload, profile: Profile) -> str:
    """How rows are merged: as asked, else by key where the profile has one."""
    return payload.mode or ("upsert" if profile.key else "append")


def find_upload(context: JobContext[Any], upload_id: UUID) -> Upload:
    """The file's row; raises `Permanent` (`upload_missing`)."""
    query = select(Upload.__table__).where(Upload.id == upload_id)
    with context.database.tenant(context.tenant_id) as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        message = "The uploaded file is gone. Upload it again."
        raise Permanent(message, code="upload_missing")
    return Upload(**row)


def _planned(context: Context, file: StoredFile) -> tuple[Opened, Checkpoint]:
    """The file's text and the plan for it, of an earlier attempt where there was one."""
    options = context.payload.options
    if not context.checkpoint:
        opened = open_file(file, options)
        return opened, plan_import(context, opened)
    kept = Checkpoint.model_validate(context.checkpoint)
    return open_again(file, options, Plan.from_dict(kept.plan).dialect), kept


def plan_import(context: Context, opened: Opened) -> Checkpoint:
    """Look at the file's beginning and decide how to read it."""
    context.report(0, None, stage="plan", message="Looking at the file")
    sample = opened.text.read(0, SAMPLE_BYTES)
    payload, size = context.payload, opened.text.size
    profile, dialect = _profile_for(payload, sample, size, opened.options)
    plan = make_plan(sample, size, profile, opened.options, payload.mapping, dialect=dialect)
    plan = replace(plan, dialect=opened.finished(plan.dialect))
    if plan.profile:
        how = "given" if payload.profile else "detected"
        context.log("info", "import.profile", profile=plan.profile.name, score=plan.profile.score, how=how)
    for warning in plan.warnings:
        context.log("warning", "import.plan", loc=warning.loc, code=warning.code, message=warning.message)
    return Checkpoint.first(plan, profile)


def _profile_for(
    payload: ImportPayload, sample: bytes, size: int, options: ImportOptions
) -> tuple[Profile, Dialect | None]:
    """The profile as given, else as the headers say; then with the dialect in which they were found."""
    if payload.profile:
        return builtin_profile(payload.profile), None
    found = detect_profile(sample, size, builtin_profiles().values(), options, payload.mapping)
    return found.profile, found.dialect


def _verified(context: Context, connection: Connection, staging: Staging, checkpoint: Checkpoint) -> Checkpoint:
    """Staging is unlogged: after a crash of the server it may be empty. Then everything is staged again."""
    if context.checkpoint is None:
        # The first try, or one after an end: what an ended try set aside is not told twice.
        staging.empty(connection)
        return checkpoint
    if staging.count(connection) == (checkpoint.staged, checkpoint.places):
        return checkpoint
    context.log("warning", "import.staged_again", rows=checkpoint.staged)
    staging.empty(connection)
    return checkpoint.from_the_start()


def _note_profile(connection: Connection, context: Context, profile: Profile) -> None:
    values = {"profile": profile.name, "mode": merge_mode(context.payload, profile)}
    connection.execute(update(Import).where(Import.id == context.payload.import_id).values(values))


def _one_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Read the next batch while the server takes in this one. Never more than one waits: memory stays flat."""
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch
