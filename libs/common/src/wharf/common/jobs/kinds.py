"""The kinds of job: each is declared here once, and implemented in one worker.

A message carries the job's id and attempt; the payload below is what the ledger keeps for it.
`version` is raised when a payload changes its meaning: a worker refuses one that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, field_serializer

from wharf.common.imports import ImportOptions
from wharf.common.packages import PackageOptions, PackageType, builtin_packages
from wharf.common.queues import Queue
from wharf.common.runtime.transients import Rule


class Payload(BaseModel):
    """What a kind of job needs to know. Old fields stay readable for one release."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    version: Literal[1] = 1


P = TypeVar("P", bound=Payload)


@dataclass(frozen=True)
class Kind(Generic[P]):
    """A kind of job: its name, where it is queued, its payload, its limits and what is tried again."""

    name: str
    queue: Queue
    payload: type[P]
    unit: str
    max_attempts: int = 4
    """The first try and the retries: so many failures end it. Deaths and give-backs are not failures."""
    first_delay: float = 5.0
    """Seconds before the first retry; they double each time."""
    longest_delay: float = 600.0
    time_limit: float | None = None
    """Seconds after which a job is told to end, where it needs longer than others; None: the worker's own limit."""
    also_transient: tuple[Rule, ...] = ()
    """Errors with a code and a sentence of this kind's own, before the table for all."""
    registry: ClassVar[dict[str, Kind[Any]]] = {}

    def __post_init__(self) -> None:
        self.registry[self.name] = self

    @property
    def task_name(self) -> str:
        """The Celery task that runs it."""
        return task_named(self.name)


class ImportPayload(Payload):
    """Load one upload into the dataset of one profile."""

    import_id: UUID
    upload_id: UUID
    profile: str | None
    """None: the worker finds it by the file's headers."""
    mode: Literal["append", "upsert", "replace"] | None
    """None: upsert where the profile has a key, else append."""
    mapping: dict[str, str | None] | None = None
    options: ImportOptions = ImportOptions()
    on_error: Literal["reject", "abort"] = "reject"
    dry_run: bool = False


class ImportPartPayload(ImportPayload):
    """Load one part of a file: from a place between two records to another one, in bytes of its text."""

    generation: UUID
    """Of the division: what an earlier one left behind writes nothing any more."""
    begin: tuple[int, int, int]
    """Byte, line and number of its first record."""
    end: int
    """The byte at which the next part begins."""


class InspectPayload(Payload):
    """Look at one upload, and load nothing."""

    upload_id: UUID
    profile: str | None = None
    mapping: dict[str, str | None] | None = None
    options: ImportOptions = ImportOptions()


class UndoPayload(Payload):
    """Give the datasets back what they had before one import."""

    import_id: UUID


class PackagePayload(Payload):
    """Make the files of a package from a project's datasets."""

    # 2 has a declaration: a worker that does not know it would take the built-in type of that name
    version: Literal[1, 2] = 1  # type: ignore[assignment]  # wider than that of the other kinds, and never written to
    package_type: str
    options: PackageOptions = PackageOptions()
    declaration: PackageType | None = None
    """A type of the tenant's own as it was at submit; None: the built-in one of that name."""

    @classmethod
    def of(cls, kind: PackageType, options: PackageOptions) -> Self:
        """What a worker needs for a package of that type."""
        if kind == builtin_packages().get(kind.name):
            return cls(package_type=kind.name, options=options)
        return cls(version=2, package_type=kind.name, options=options, declaration=kind)

    @field_serializer("declaration")
    def _as_kept(self, kind: PackageType | None) -> dict[str, Any] | None:
        return kind.to_keep() if kind else None


class ReportPayload(Payload):
    """Tell a tenant what was done in a time, in all its projects."""

    report: Literal["weekly", "monthly"]
    since: AwareDatetime
    until: AwareDatetime
    """The first moment that is not told of."""
    first_day: date
    last_day: date
    """As the installation's zone calls them."""
    options: PackageOptions = PackageOptions(formats=("xlsx", "pdf"))


class ReportsPayload(Payload):
    """Order the reports of the last whole week or month, for all tenants with something to tell."""

    report: Literal["weekly", "monthly"]
    time_zone: str = "UTC"
    """Whose weeks and months these are."""


class MailPayload(Payload):
    """Send a report to those whom its tenant has named."""

    report_id: UUID


class EchoPayload(Payload):
    """Say a message back: shows that queue, worker and ledger work."""

    message: str = ""


class CleanupPayload(Payload):
    """Forget what is kept for a time only; for how long say the settings of the worker that does it."""

    # 2 is a dry run: a worker that does not know it would take something away
    version: Literal[1, 2] = 1  # type: ignore[assignment]  # wider than that of the other kinds, and never written to
    keep_runs_days: int = 90
    """For workers of the version before, which had no setting for it."""
    dry_run: bool = False
    """Only say what would be removed."""

    @classmethod
    def of(cls, *, dry_run: bool) -> Self:
        """What a worker is told."""
        return cls(version=2, dry_run=True) if dry_run else cls()


ALL_PROJECTS = "_all"
"""The project of a job that is about all of them: no key is bound to it, since no caller may choose such a name."""


class BackupPayload(Payload):
    """Make a backup of the ledger and all datasets, or restore one on trial."""

    action: Literal["make", "verify"] = "make"
    backup_id: UUID | None = None
    """Which one is verified; None: the newest."""


class HealthPayload(Payload):
    """Send a tiny job through each queue, and account for those that were sent before."""


class BenchmarkPayload(Payload):
    """Compare the projects of each tenant, and the tenants that share."""

    days: int = 365
    """The time that is compared, up to each tenant's newest row; growth is against as many days before."""
    most: int = 500
    """Of each level the so many names with the largest amounts."""


IMPORT = Kind("import", Queue.INGEST, ImportPayload, unit="rows")
IMPORT_PART = Kind("import_part", Queue.INGEST, ImportPartPayload, unit="rows")
INSPECT = Kind("inspect", Queue.INGEST, InspectPayload, unit="steps")
UNDO = Kind("undo", Queue.INGEST, UndoPayload, unit="rows")
PACKAGE = Kind("package", Queue.PACKAGE, PackagePayload, unit="rows")
REPORT = Kind("report", Queue.PACKAGE, ReportPayload, unit="rows")
REPORTS = Kind("reports", Queue.MAINTENANCE, ReportsPayload, unit="tenants")
MAIL = Kind("mail", Queue.MAINTENANCE, MailPayload, unit="mails", max_attempts=8, first_delay=60, longest_delay=3600)
ECHO = Kind("echo", Queue.MAINTENANCE, EchoPayload, unit="steps")
# Patient: another one may be at work for hours. Its tries take two and a half hours on average, half of what they may.
BACKUP = Kind(
    "backup",
    Queue.MAINTENANCE,
    BackupPayload,
    unit="bytes",
    max_attempts=8,
    first_delay=600.0,
    longest_delay=3_600.0,
    time_limit=86_400,
)
CLEANUP_SECONDS = 7_200
CLEANUP = Kind("cleanup", Queue.MAINTENANCE, CleanupPayload, unit="classes", time_limit=CLEANUP_SECONDS)
# Not tried again: the next one is a minute away.
HEALTH = Kind("health", Queue.MAINTENANCE, HealthPayload, unit="steps", max_attempts=1)
BENCHMARK = Kind("benchmark", Queue.MAINTENANCE, BenchmarkPayload, unit="tenants")


def task_named(kind: str) -> str:
    """The Celery task of a kind: of a later version's, too, that is declared nowhere here."""
    return f"wharf.{kind}"
