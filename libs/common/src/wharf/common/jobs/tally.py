"""What a job is counted as, by whichever process moves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from wharf.common.errors import Permanent
from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView
from wharf.common.metrics import (
    JOB_RETRIES,
    JOB_RUN,
    JOB_WAIT,
    JOBS_FAILED,
    JOBS_FINISHED,
    JOBS_SUBMITTED,
    PRIORITY_WAIT,
)
from wharf.common.queues import Priority
from wharf.common.schedules.builtin import BUILTIN
from wharf.common.schedules.policies import INSTALLATION

CANARY = "canary"
"""The kind that canaries are counted under, whatever they are: they are many, and nobody's work."""
OWN = frozenset(one.kind.name for one in BUILTIN)
"""What the installation does for itself. Of its jobs all others are canaries: the dispatcher, too, sees that much."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One job. Who submitted a file is told of one job, however many parts it was read in: these end uncounted."""

    kind: str
    queue: str
    part: bool = False

    @classmethod
    def of(cls, tenant_id: UUID, kind: str, queue: str, part: int | None) -> Self:
        """By what every role sees of a job."""
        canary = tenant_id == INSTALLATION and kind not in OWN
        return cls(CANARY if canary else kind, queue, part is not None)

    @classmethod
    def of_view(cls, view: JobView, tenant_id: UUID) -> Self:
        """The same, by how a job looks from outside."""
        return cls.of(tenant_id, view.kind, view.queue, view.part)

    def submitted(self, priority: Priority) -> None:
        """It was written."""
        JOBS_SUBMITTED.labels(self.kind, self.queue, priority).inc()

    def begun(self, priority: Priority, seconds: float) -> None:
        """An attempt begins that was waited for so long, by somebody where the job is one that somebody wants."""
        JOB_WAIT.labels(self.queue).observe(seconds)
        if not self.part and self.kind != CANARY:
            PRIORITY_WAIT.labels(priority).observe(seconds)

    def ran(self, seconds: float) -> None:
        """An attempt took so long."""
        JOB_RUN.labels(self.kind).observe(seconds)

    def put_off(self) -> None:
        """An attempt failed, and there will be another one."""
        JOB_RETRIES.labels(self.kind).inc()

    def ended(self, status: Status, cause: str = Permanent.cause) -> None:
        """For good; the cause is that of a failure."""
        if self.part:
            return
        JOBS_FINISHED.labels(self.kind, self.queue, status).inc()
        if status is Status.FAILED:
            JOBS_FAILED.labels(self.kind, self.queue, cause).inc()
