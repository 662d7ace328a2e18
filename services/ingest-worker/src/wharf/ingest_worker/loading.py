"""Reading a file into staging, batch by batch. Any batch may be the first one of a later attempt."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from wharf.common.errors import Invalid, Permanent, Problem
from wharf.common.imports import ImportOptions
from wharf.common.jobs.kinds import ImportPartPayload, ImportPayload, InspectPayload
from wharf.common.ledger.models import Import, Upload
from wharf.common.profiles import KnownProfiles, Profile
from wharf.common.runtime.context import JobContext
from wharf.common.storage import StoredFile
from wharf.ingest_worker import unfinished
from wharf.ingest_worker.checkpoint import Checkpoint
from wharf.ingest_worker.division import divided
from wharf.ingest_worker.merge import Merge, ensure
from wharf.ingest_worker.parts import gathered, order_parts
from wharf.ingest_worker.reading import SAMPLE_BYTES, Batch, ByteSource, Cursor, Plan, make_plan, read_batches
from wharf.ingest_worker.reading.batches import PROPERTIES
from wharf.ingest_worker.reading.numbering import Carry
from wharf.ingest_worker.recognition import Asked, Recognised, Sample, explained, recognise
from wharf.ingest_worker.savedmappings import known_mappings
from wharf.ingest_worker.staging import Staging
from wharf.ingest_worker.unfinished import Hidden
from wharf.ingest_worker.unpacking import Opened, open_again, open_file
from wharf.ingest_worker.unpacking.opening import Packing
from wharf.ingest_worker.writing import Writing, may_go_directly

LOADED_PERCENT = 80.0
"""Of the bar: reading and staging. The rest is merging."""

Context = JobContext[ImportPayload] | JobContext[ImportPartPayload]


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
    expected_rows: int = 0

    @classmethod
    def begin(cls, context: Context) -> Loading:
        """Make a plan, or go on with the one of an earlier attempt if its rows are all still there."""
        upload = find_upload(context, context.payload.upload_id)
        file = context.storage.open_file(upload.storage_key)
        opened, checkpoint = _planned(context, file)
        profile = Profile.model_validate(checkpoint.profile)
        with context.transaction() as connection:
            unfinished.forget_dead(connection)
            staging = Staging.open(connection, context.payload.import_id, profile)
            loading = cls(context, upload, file, opened, profile, Plan.from_dict(checkpoint.plan), staging, checkpoint)
            checkpoint = loading.checkpoint = loading.verified(connection)
            context.save(connection, checkpoint.to_json())
            _note_profile(connection, context, profile)
        return loading

    @property
    def text(self) -> ByteSource:
        """What is read."""
        return self.opened.text

    @property
    def mode(self) -> str:
        """How the rows will be merged: as asked, else what the profile's key suggests."""
        return merge_mode(self.context.payload, self.profile)

    @property
    def project_id(self) -> str:
        """Where the rows go."""
        return self.context.view.project_id

    @property
    def dataset(self) -> tuple[str, str]:
        """Where the rows go in the end: schema and table."""
        return self.staging.place, self.profile.name

    @property
    def brought(self) -> frozenset[str]:
        """The dataset's columns that the file has; known for `properties` when all of it is loaded."""
        targets = {m.target for m in self.plan.mapping.matches if m.target}
        return frozenset(targets | ({PROPERTIES} if self.checkpoint.has_properties else set()))

    def planned_merge(self) -> Merge:
        """What would be merged of all that is staged by now."""
        return self.merge_of(self.checkpoint)

    def merge_of(self, checkpoint: Checkpoint) -> Merge:
        """The merge of what is staged then."""
        numbered = checkpoint.numbered and not checkpoint.gaps
        return Merge.planned(
            self.staging, self.project_id, brought=self.brought, gaps=checkpoint.gaps, numbered=numbered
        )

    def run(self) -> Generator[Checkpoint]:
        """Stage the rest of the file; gives the checkpoint after each batch, and a last one that is complete."""
        batches = read_batches(self.text, self.plan, self.profile, self.checkpoint.cursor)
        for checkpoint in Writing(self).run(batches):
            self._report()
            yield checkpoint
        if not self.checkpoint.complete:
            with self.context.transaction() as connection:
                self.keep(connection, self.checkpoint.model_copy(update={"complete": True}))
        yield self.checkpoint

    def divide(self, part_bytes: int) -> bool:
        """Give the file to several jobs, where it is large and nothing of it is read; says whether it was."""
        if not self._may_be_divided():
            return False
        parts = divided(self.text, self.plan, self.profile, part_bytes, self._look_over)
        if not parts:
            return False
        self.context.report(0, self.expected_rows, stage="parts", message=f"{len(parts)} parts are read side by side")
        with self.context.transaction() as connection:
            ordered = order_parts(connection, self.context, parts)
            self.keep(connection, self.checkpoint.model_copy(update={"parts": ordered}))
            self.context.log("info", "import.divided", parts=len(parts))
        return True

    def _may_be_divided(self) -> bool:
        """Text that was packed can only be read from its beginning; and one bad row may have to end it all."""
        fresh = self.checkpoint.cursor == self.plan.dialect.data and not self.checkpoint.complete
        return fresh and self.opened.packing == Packing() and self.context.payload.on_error != "abort"

    def _look_over(self, cursor: Cursor) -> None:
        self.context.check()
        self.expected_rows = round(cursor.record * self.text.size / max(cursor.byte_offset, 1))
        share = cursor.byte_offset / self.text.size
        self.context.report(0, self.expected_rows, stage="divide", message=f"Looking for places to divide: {share:.0%}")

    def stage(self, connection: Connection, batch: Batch) -> None:
        """Rows and rejects; what is counted of them is kept in the same transaction, when its turn has come."""
        self.staging.add_rows(connection, batch.rows)
        self._set_aside(connection, batch)

    def keep_staged(self, connection: Connection, batch: Batch, carries: Mapping[str, Carry | None]) -> None:
        """The checkpoint of a staged batch: whatever kills this process, nothing is doubled or left out."""
        self.keep(connection, self.checkpoint.after(batch, carries, gaps=self._gaps(batch)))

    def keep_direct(self, connection: Connection, batch: Batch, carries: Mapping[str, Carry | None]) -> None:
        """The same for a batch whose rows are in the dataset, with its rejects."""
        self._set_aside(connection, batch)
        self.keep(connection, self.checkpoint.after_direct(batch, carries))

    def turn_to_staging(self, connection: Connection) -> None:
        """What was written into the dataset goes on from staging, whoever moves it there."""
        hidden = unfinished.find(connection, self.context.payload.import_id)
        if hidden is not None and not hidden.moved:
            hidden.move(connection)
        self._let_go(connection)
        self.keep(connection, self.checkpoint.turned_to_staging())
        self.context.log("info", "import.staged", reason="a key is there already", rows=self.checkpoint.staged)

    def _hidden(self, connection: Connection) -> Hidden | None:
        """What of this import nobody sees yet."""
        return unfinished.find(connection, self.context.payload.import_id)

    def _let_go(self, connection: Connection) -> None:
        """Nothing is hidden any more."""
        unfinished.end(connection, self.context.payload.import_id)

    def _set_aside(self, connection: Connection, batch: Batch) -> None:
        self.staging.add_rows(connection, batch.places)
        self.staging.add_rejects(connection, batch.rejects)

    def verified(self, connection: Connection) -> Checkpoint:
        """The checkpoint, if all that it counts is there; else the beginning.

        Staging is unlogged: after a crash of the server it may be empty.
        """
        if self.context.checkpoint is None:
            # The first try, or one after an end: what an ended try set aside is not told twice.
            unfinished.forget(connection, self.context.payload.import_id)
            self.staging.empty(connection)
            self._begin_hiding(connection)
            return self.checkpoint
        checkpoint = gathered(connection, self) if self.checkpoint.parts else self._as_others_left_it(connection)
        if checkpoint and self.staging.count(connection) == (checkpoint.staged, checkpoint.places):
            return checkpoint
        self.context.log("warning", "import.staged_again", rows=self.checkpoint.staged)
        unfinished.forget(connection, self.context.payload.import_id)
        self.staging.empty(connection)
        return self.checkpoint.from_the_start()

    def _begin_hiding(self, connection: Connection) -> None:
        if self.checkpoint.direct is None:
            return
        payload, numbered = self.context.payload, unfinished.given_numbers(self.profile, self.brought)
        place = ensure(connection, self.profile)
        hidden = Hidden(payload.import_id, place, self.profile.name, self.project_id, numbered, moved=False)
        unfinished.begin(connection, hidden, self.context.job_id)

    def _as_others_left_it(self, connection: Connection) -> Checkpoint | None:
        """Rows in the dataset may have been moved into staging meanwhile; None where they are nowhere."""
        if self.checkpoint.direct is None:
            return self.checkpoint
        hidden = self._hidden(connection)
        if hidden is None:
            return None
        if hidden.moved:
            self._let_go(connection)
        return self.checkpoint.turned_to_staging() if hidden.moved else self.checkpoint

    def settled(self, connection: Connection) -> Checkpoint:
        """What is to be merged, now that nobody can move it any more; in the turn of the merge."""
        checkpoint = self._as_others_left_it(connection)
        if checkpoint is None:
            message = "The rows of this import are gone from their dataset. Upload the file again."
            raise Permanent(message, code="rows_missing")
        return checkpoint

    def _share_done(self) -> float:
        """Of plain text by the rows that are staged; of others by what was unpacked, which may be a little ahead."""
        if self.opened.packing == Packing():
            return self.checkpoint.cursor.byte_offset / self.file.size
        return self.opened.share_read

    def keep(self, connection: Connection, checkpoint: Checkpoint) -> None:
        """Make that the checkpoint, in the transaction of its rows."""
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
    """Look at the file's beginning, and its end, and decide how to read it."""
    context.report(0, None, stage="plan", message="Looking at the file")
    sample = opened.text.read(0, SAMPLE_BYTES)
    payload, size = context.payload, opened.text.size
    with context.database.tenant(context.tenant_id) as connection:
        asked = asked_about(connection, payload, opened.options)
    found = recognise(Sample(sample, size), asked)
    plan = _plan_for(found, Sample(sample, size), opened)
    if plan.profile:
        how = "given" if payload.profile else "saved mapping" if found.saved else "detected"
        context.log("info", "import.profile", profile=plan.profile.name, score=plan.profile.score, how=how)
    for warning in plan.warnings:
        context.log("warning", "import.plan", loc=warning.loc, code=warning.code, message=warning.message)
    mode = merge_mode(payload, found.profile)
    direct = 0 if may_go_directly(payload, found.profile, mode, size) else None
    return Checkpoint.first(plan, found.profile, saved=found.saved, drift=found.drift, direct=direct)


def asked_about(connection: Connection, payload: ImportPayload | InspectPayload, options: ImportOptions) -> Asked:
    """What was said about a file, beside the profiles and mappings that its tenant has."""
    saved = known_mappings(connection, payload.profile) if payload.mapping is None else []
    return Asked(payload.profile, payload.mapping, options, KnownProfiles.of_tenant(connection), saved)


def _plan_for(found: Recognised, sample: Sample, opened: Opened) -> Plan:
    try:
        plan = make_plan(sample.data, sample.total, found.profile, opened.options, found.mapping, dialect=found.dialect)
    except Invalid as refused:
        raise explained(refused, found.drift) from None
    if found.saved:
        plan = replace(plan, mapping=plan.mapping.saved())
    if found.drift:
        changed = Problem("mapping", "headers_changed", found.drift.sentence)
        plan = replace(plan, warnings=(*plan.warnings, changed))
    return replace(plan, dialect=opened.ended(opened.finished(plan.dialect)))


def _note_profile(connection: Connection, context: Context, profile: Profile) -> None:
    # Read anew after housekeeping was here, its rejects are new ones.
    anew = {"rejects_removed_at": None, "swept": False}
    values = {"profile": profile.name, "mode": merge_mode(context.payload, profile)} | anew
    connection.execute(update(Import).where(Import.id == context.payload.import_id).values(values))
