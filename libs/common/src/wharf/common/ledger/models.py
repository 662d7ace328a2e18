"""The ledger's tables.

The migrations create them, with policies, grants and functions; a test compares the two.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Double, Identity, MetaData, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA = "wharf"
NOW = text("now()")
EMPTY = text("'{}'::jsonb")
Json = dict[str, Any]
JsonList = list[dict[str, Any]]


class Table(DeclarativeBase):
    """Base of the ledger's tables: schema `wharf`, times with zone, JSON as jsonb."""

    metadata = MetaData(schema=SCHEMA)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text,
        Json: JSONB,
        JsonList: JSONB,
        int: BigInteger,
        float: Double,
    }


class Tenant(Table):
    """The company whose data it is. The one of zeros is the installation: it has jobs and no keys."""

    __tablename__ = "tenants"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    schema_name: Mapped[str] = mapped_column(unique=True)
    limits: Mapped[Json] = mapped_column(server_default=EMPTY)
    shares_benchmarks: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Project(Table):
    """A tenant's folder of datasets, created at first use."""

    __tablename__ = "projects"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ApiKey(Table):
    """A key: a prefix to look it up and the SHA-256 of the whole. Without a tenant it is the platform's."""

    __tablename__ = "api_keys"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID | None]
    prefix: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[bytes]
    name: Mapped[str]
    role: Mapped[str]
    project_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Upload(Table):
    """One stored file, by its sha256; it never changes. `removed_at`: the file is gone, what is known of it stays."""

    __tablename__ = "uploads"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    file_name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    storage_key: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    removed_at: Mapped[datetime | None]


class Job(Table):
    """One unit of asynchronous work.

    `published_at` is the outbox mark: null means that the broker has to be told.
    `attempt` is the fence: the number of the attempt that may claim, or has claimed, the job.
    `admitted`: it has a place among its tenant's published ones. `raised`: levels that waiting added to its priority.
    `furthest`: the greatest progress that any attempt has saved.
    `part`: which of its parent's parts it is. `waits`: it runs, but only waits for its parts.
    """

    __tablename__ = "jobs"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    kind: Mapped[str]
    queue: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str]
    label: Mapped[str] = mapped_column(server_default="")
    parent_id: Mapped[UUID | None]
    part: Mapped[int | None]
    waits: Mapped[bool] = mapped_column(server_default="false")
    payload: Mapped[Json] = mapped_column(server_default=EMPTY)
    attempt: Mapped[int] = mapped_column(server_default="1")
    max_attempts: Mapped[int] = mapped_column(server_default="4")
    failures: Mapped[int] = mapped_column(server_default="0")
    deaths: Mapped[int] = mapped_column(server_default="0")
    give_backs: Mapped[int] = mapped_column(server_default="0")
    admitted: Mapped[bool] = mapped_column(server_default="false")
    raised: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    furthest: Mapped[int] = mapped_column(server_default="0")
    checkpoint: Mapped[Json | None]
    progress: Mapped[Json | None]
    result: Mapped[Json | None]
    error: Mapped[Json | None]
    request_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    available_at: Mapped[datetime] = mapped_column(server_default=NOW)
    published_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    discarded_at: Mapped[datetime | None]


class Lease(Table):
    """The right to work on a job, for seconds, on the database's clock. Its row is the fence."""

    __tablename__ = "leases"
    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    attempt: Mapped[int]
    worker: Mapped[str]
    acquired_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime]
    renewed_at: Mapped[datetime] = mapped_column(server_default=NOW)
    why: Mapped[str | None]


class Attempt(Table):
    """One try at a job by one worker. In partitions by the month of the job, which its number tells."""

    __tablename__ = "attempts"
    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    worker: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=NOW)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    error: Mapped[Json | None]


class JobLog(Table):
    """A line that a job wrote about itself. In partitions by the month of the job, which its number tells."""

    __tablename__ = "job_logs"
    id: Mapped[int] = mapped_column(server_default=text("nextval('wharf.job_log_ids')"), primary_key=True)
    tenant_id: Mapped[UUID]
    job_id: Mapped[UUID]
    attempt: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=NOW)
    level: Mapped[str]
    event: Mapped[str]
    fields: Mapped[Json] = mapped_column(server_default=EMPTY)


class Import(Table):
    """What the user wants loaded; the jobs of an import work on it.

    `turn` is the number of its merge, by which the journals keep what rows were before; null where nothing is kept.
    `datasets` are those that it wrote into, its profile's own first. `waiting` is the checkpoint of a dry run that
    completed: its commit goes on from there. `rejects_removed_at`: they are not shown any more; `swept`: none is left.
    """

    __tablename__ = "imports"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    upload_id: Mapped[UUID]
    profile: Mapped[str | None]
    mode: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    merged_at: Mapped[datetime | None]
    turn: Mapped[int | None]
    datasets: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    undone_at: Mapped[datetime | None]
    waiting: Mapped[Json | None]
    rejects_removed_at: Mapped[datetime | None]
    swept: Mapped[bool] = mapped_column(server_default="false")


class Reject(Table):
    """A row of an import that was set aside.

    `assigned` is what earlier workers wrote there: now it is in rows of `Assigned`.
    """

    __tablename__ = "rejects"
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    byte_offset: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    line: Mapped[int]
    raw: Mapped[str]
    errors: Mapped[JsonList]
    assigned: Mapped[Json | None]


class Assigned(Table):
    """The values that Wharf would have given a row that was set aside, such as its number within its invoice.

    The corrected row comes back with them, so it cannot take another row's place.
    """

    __tablename__ = "assigned"
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    byte_offset: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    cells: Mapped[Json]


class CellConflict(Table):
    """A cell that an import would change, where the policy is to ask: it waits until somebody decides.

    `decided` is `existing` or `incoming`. `existing_import` is the import whose the row was at the merge.
    """

    __tablename__ = "conflicts"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    tenant_id: Mapped[UUID]
    import_id: Mapped[UUID]
    job_id: Mapped[UUID]
    profile: Mapped[str]
    project_id: Mapped[str]
    key: Mapped[Json]
    column_name: Mapped[str]
    existing: Mapped[Json | None]
    incoming: Mapped[Json | None]
    line: Mapped[int]
    existing_import: Mapped[UUID]
    decided: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]


class DataUpdate(Table):
    """The account of one merge."""

    __tablename__ = "data_updates"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    profile: Mapped[str]
    import_id: Mapped[UUID]
    job_id: Mapped[UUID]
    mode: Mapped[str]
    rows_before: Mapped[int]
    inserted: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    superseded: Mapped[int]
    rejected: Mapped[int]
    rows_after: Mapped[int]
    period_from: Mapped[datetime | None]
    period_to: Mapped[datetime | None]
    at: Mapped[datetime] = mapped_column(server_default=NOW)


class Dataset(Table):
    """Where the rows of one profile of one tenant are: a table in the tenant's own schema."""

    __tablename__ = "datasets"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(primary_key=True)
    schema_name: Mapped[str]
    table_name: Mapped[str]
    definition: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Pause(Table):
    """A queue that rests, for one tenant or (its number all zeros) for the whole installation."""

    __tablename__ = "pauses"
    queue: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    paused_at: Mapped[datetime] = mapped_column(server_default=NOW)


class WorkerProcess(Table):
    """The main process of a worker, as it told of itself."""

    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    queues: Mapped[list[str]] = mapped_column(ARRAY(Text))
    slots: Mapped[int]
    version: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=NOW)
    seen_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Answer(Table):
    """What was answered to a request that may come again, by the key that its client gave it."""

    __tablename__ = "idempotency"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    answer: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class OwnDeclaration(Table):
    """What a tenant has declared, or changed from the built-in one of that name."""

    __abstract__ = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    declaration: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class OwnProfile(OwnDeclaration):
    """A tenant's own profile."""

    __tablename__ = "profiles"


class OwnPackageType(OwnDeclaration):
    """A tenant's own package type."""

    __tablename__ = "own_package_types"


class SavedMapping(Table):
    """A mapping that somebody gave for files with these headers: it is used again for the next one."""

    __tablename__ = "mappings"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    profile: Mapped[str]
    fingerprint: Mapped[str]
    headers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    mapping: Mapped[Json]
    import_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    used_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Unfinished(Table):
    """An import whose rows are in their dataset already, hidden until its row here is deleted."""

    __tablename__ = "unfinished"
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    job_id: Mapped[UUID]
    profile: Mapped[str]
    project_id: Mapped[str]
    numbered: Mapped[list[str]] = mapped_column(ARRAY(Text))
    moved: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Schedule(Table):
    """Work that begins by itself, by a cron expression or every so many seconds.

    `next_at` is its next occurrence, null while it is not enabled. `adjusted`: somebody has changed a built-in one.
    """

    __tablename__ = "schedules"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    name: Mapped[str]
    cron: Mapped[str | None]
    interval_seconds: Mapped[int | None]
    time_zone: Mapped[str]
    kind: Mapped[str]
    payload: Mapped[Json] = mapped_column(server_default=EMPTY)
    queue: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    enabled: Mapped[bool]
    overlap: Mapped[str]
    misfire: Mapped[str]
    grace_seconds: Mapped[int]
    next_at: Mapped[datetime | None]
    builtin: Mapped[bool] = mapped_column(server_default="false")
    adjusted: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ScheduleRun(Table):
    """What became of one occurrence of a schedule; `manual`: somebody started it by hand."""

    __tablename__ = "schedule_runs"
    schedule_id: Mapped[UUID] = mapped_column(primary_key=True)
    scheduled_for: Mapped[datetime] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    outcome: Mapped[str]
    manual: Mapped[bool] = mapped_column(server_default="false")
    job_id: Mapped[UUID | None]
    noted_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Webhook(Table):
    """Whom a tenant wants told of which events.

    The secrets are written here and read by `wharf.take_deliveries` alone. `failing_since`: no delivery has succeeded
    since then. `disabled_reason` is `asked`, `failing` or `gone`.
    """

    __tablename__ = "webhooks"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    project_id: Mapped[str | None]
    kinds: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    disabled_reason: Mapped[str | None]
    failing_since: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class WebhookDelivery(Table):
    """One event for one webhook; its id is the message's. `attempt` is the sender's fence.

    `next_at`: when it is due, or while it is being sent when its sender counts as dead. `tries`: the newest twenty.
    """

    __tablename__ = "webhook_deliveries"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID]
    tenant_id: Mapped[UUID]
    type: Mapped[str]
    job_id: Mapped[UUID | None]
    body: Mapped[Json]
    status: Mapped[str] = mapped_column(server_default="waiting")
    attempt: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    next_at: Mapped[datetime | None]
    tries: Mapped[JsonList] = mapped_column(server_default=text("'[]'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    ended_at: Mapped[datetime | None]


class ReportRecipient(Table):
    """Somebody whom a tenant wants to have its reports by mail."""

    __tablename__ = "report_recipients"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Canary(Table):
    """A tiny job that the installation sent through a queue; `id` is also that of its upload and import.

    `outcome` is null while it is under way, then `ok`, `failed`, `late` (it did not end in time) or `paused`.
    """

    __tablename__ = "canaries"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    queue: Mapped[str]
    job_id: Mapped[UUID]
    sent_at: Mapped[datetime] = mapped_column(server_default=NOW)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    seconds: Mapped[float | None]
    code: Mapped[str | None]


class BenchmarkRun(Table):
    """The last calculation of a tenant's benchmarks: when it was, over which time, over how many projects."""

    __tablename__ = "benchmark_runs"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[datetime] = mapped_column(server_default=NOW)
    period_from: Mapped[datetime]
    period_to: Mapped[datetime]
    projects: Mapped[int]


class BenchmarkValue(Table):
    """A project's own value of a metric of a category or product."""

    __tablename__ = "benchmark_values"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]


class Benchmark(Table):
    """Quartiles over so many of a tenant's projects."""

    __tablename__ = "benchmarks"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    projects: Mapped[int]
    q1: Mapped[float]
    median: Mapped[float]
    q3: Mapped[float]


class BenchmarkShare(Table):
    """What a tenant as a whole gives to the comparison with others.

    `peer` is how others would call it; `weight` is its amount.
    """

    __tablename__ = "benchmark_shares"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    peer: Mapped[str]
    value: Mapped[float]
    weight: Mapped[float]


class PooledBenchmark(Table):
    """Quartiles over so many tenants that share; nobody's rows, seen by those who share."""

    __tablename__ = "benchmark_pool"
    profile: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    peer: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    tenants: Mapped[int]
    q1: Mapped[float]
    median: Mapped[float]
    q3: Mapped[float]
    as_of: Mapped[datetime] = mapped_column(server_default=NOW)
