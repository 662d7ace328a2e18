"""One part of a large file, read by a job of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from wharf.common.errors import Cancelled, Invalid
from wharf.common.jobs.kinds import ImportPartPayload
from wharf.common.jobs.view import ProgressView, job_view
from wharf.common.profiles import Profile
from wharf.common.runtime.context import JobContext
from wharf.ingest_worker import unfinished
from wharf.ingest_worker.checkpoint import Checkpoint
from wharf.ingest_worker.loading import LOADED_PERCENT, Loading, find_upload
from wharf.ingest_worker.parts import told
from wharf.ingest_worker.reading import ByteSource, Cursor, Plan, release_memory
from wharf.ingest_worker.reading.source import Beginning
from wharf.ingest_worker.staging import Staging
from wharf.ingest_worker.unfinished import Hidden
from wharf.ingest_worker.unpacking import open_again

PartContext = JobContext[ImportPartPayload]
TELL_SECONDS = 1.0
"""Between reports on all parts together."""
WHOLE = text("SELECT checkpoint FROM wharf.jobs WHERE id = :parent")
# Before the part's own row, as everywhere; a cancel waits no longer than this transaction's end.
STILL_WANTED = text("""
    SELECT 1 FROM wharf.jobs WHERE id = :parent AND checkpoint -> 'parts' ->> 'generation' = :generation FOR SHARE""")
TOGETHER = text("""
    SELECT p.*, (SELECT coalesce(sum((s.progress ->> 'current')::bigint), 0) FROM wharf.jobs s
                 WHERE s.parent_id = p.id AND s.part IS NOT NULL AND s.payload ->> 'generation' = :generation) AS done
    FROM wharf.jobs p WHERE p.id = :parent""")


def run_part(context: PartContext, *, max_rejects: int) -> dict[str, Any]:
    """Load one part of an upload; gives what its parent has to know of it."""
    loading = PartLoading.begin_part(context)
    for checkpoint in loading.run():
        if checkpoint.rejected > max_rejects:
            message = f"More than {max_rejects:,} rows are bad. Nothing was loaded. Correct the file, upload it again."
            raise Invalid(message, code="too_many_rejects")
    release_memory()
    return told(loading.checkpoint)


@dataclass
class PartLoading(Loading):
    """One attempt at one part. Its rows lie among those of other parts: only the parent knows whether all are there."""

    told_at: float = 0.0

    @classmethod
    def begin_part(cls, context: PartContext) -> PartLoading:
        """By the plan of the job that divided the file."""
        whole = _whole(context)
        kept = context.checkpoint and Checkpoint.model_validate(context.checkpoint)
        checkpoint = kept or whole.of_part(Cursor(*context.payload.begin))
        upload = find_upload(context, context.payload.upload_id)
        file = context.storage.open_file(upload.storage_key)
        plan, profile = Plan.from_dict(whole.plan), Profile.model_validate(whole.profile)
        opened = open_again(file, context.payload.options, plan.dialect)
        with context.transaction() as connection:
            staging = Staging.open(connection, context.payload.import_id, profile)
            loading = cls(context, upload, file, opened, profile, plan, staging, checkpoint)
            loading.keep(connection, loading.verified(connection))
        return loading

    @property
    def payload(self) -> ImportPartPayload:
        """Which part it is."""
        payload = self.context.payload
        assert isinstance(payload, ImportPartPayload)  # noqa: S101 - tells the type checker what `begin_part` was given
        return payload

    @property
    def text(self) -> ByteSource:
        """The file up to where the next part begins."""
        return Beginning(self.opened.text, self.payload.end)

    def verified(self, connection: Connection) -> Checkpoint:
        """What an attempt before has left, wherever others have moved it; before the first there is nothing."""
        return self.checkpoint if self.context.checkpoint is None else self.settled(connection)

    def keep(self, connection: Connection, checkpoint: Checkpoint) -> None:
        """The same, while the parent still waits for this very part."""
        own = {"parent": self.context.view.parent_id, "generation": str(self.payload.generation)}
        if connection.execute(STILL_WANTED, own).first() is None:
            raise Cancelled
        super().keep(connection, checkpoint)

    def _hidden(self, connection: Connection) -> Hidden | None:
        """Only a look: to the other parts, which write on, a lock for oneself means that rows are moved."""
        return unfinished.find(connection, self.payload.import_id, beside=True)

    def _let_go(self, connection: Connection) -> None:
        """The other parts have to find that the rows were moved."""

    def _share_done(self) -> float:
        first, end = self.payload.begin[0], self.payload.end
        return (self.checkpoint.cursor.byte_offset - first) / max(end - first, 1)

    def _report(self) -> None:
        super()._report()
        if time.monotonic() - self.told_at >= TELL_SECONDS:
            self.told_at = time.monotonic()
            self._tell_together()

    def _tell_together(self) -> None:
        """Those who watch the whole import see all its parts as one."""
        own = {"parent": self.context.view.parent_id, "generation": str(self.payload.generation)}
        with self.context.database.tenant(self.context.tenant_id) as connection:
            row = connection.execute(TOGETHER, own).mappings().first()
        if row is None or not row["waits"]:
            return
        view = job_view(row)
        shown = _advanced(view.progress, int(row["done"]))
        self.context.feed.tell(view.model_copy(update={"progress": shown}), self.context.tenant_id, "job.progress")


def _advanced(saved: ProgressView, done: int) -> ProgressView:
    total = max(saved.total or done, done, 1)
    return saved.model_copy(update={"current": done, "total": total, "percent": LOADED_PERCENT * done / total})


def _whole(context: PartContext) -> Checkpoint:
    """The plan that the file was divided by; raises `Cancelled` where nobody waits for this part any more."""
    with context.database.tenant(context.tenant_id) as connection:
        kept = connection.execute(WHOLE, {"parent": context.view.parent_id}).scalar_one_or_none()
    whole = Checkpoint.model_validate(kept) if kept else None
    if whole is None or whole.parts is None or whole.parts.generation != context.payload.generation:
        raise Cancelled
    return whole
