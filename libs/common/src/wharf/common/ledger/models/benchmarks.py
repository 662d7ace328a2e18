"""What projects and tenants are compared by."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from wharf.common.ledger.models.table import NOW, Table


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
