"""The ledger's tables.

The migrations create them, with policies, grants and functions; a test compares the two.
"""

from __future__ import annotations

from wharf.common.ledger.models.access import Answer, ApiKey, Change, Project, Session, Tenant
from wharf.common.ledger.models.benchmarks import (
    Benchmark,
    BenchmarkRun,
    BenchmarkShare,
    BenchmarkValue,
    PooledBenchmark,
)
from wharf.common.ledger.models.datasets import Dataset, OwnDeclaration, OwnPackageType, OwnProfile
from wharf.common.ledger.models.health import Canary
from wharf.common.ledger.models.imports import (
    Assigned,
    CellConflict,
    DataUpdate,
    Import,
    Reject,
    SavedMapping,
    Unfinished,
    Upload,
)
from wharf.common.ledger.models.jobs import Attempt, Job, JobLog, Lease, Pause, WorkerProcess
from wharf.common.ledger.models.messages import ReportRecipient, Webhook, WebhookDelivery
from wharf.common.ledger.models.schedules import Schedule, ScheduleRun
from wharf.common.ledger.models.table import SCHEMA, Table

__all__ = [
    "SCHEMA",
    "Answer",
    "ApiKey",
    "Assigned",
    "Attempt",
    "Benchmark",
    "BenchmarkRun",
    "BenchmarkShare",
    "BenchmarkValue",
    "Canary",
    "CellConflict",
    "Change",
    "DataUpdate",
    "Dataset",
    "Import",
    "Job",
    "JobLog",
    "Lease",
    "OwnDeclaration",
    "OwnPackageType",
    "OwnProfile",
    "Pause",
    "PooledBenchmark",
    "Project",
    "Reject",
    "ReportRecipient",
    "SavedMapping",
    "Schedule",
    "ScheduleRun",
    "Session",
    "Table",
    "Tenant",
    "Unfinished",
    "Upload",
    "Webhook",
    "WebhookDelivery",
    "WorkerProcess",
]
