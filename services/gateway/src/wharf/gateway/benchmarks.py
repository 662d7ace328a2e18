"""Benchmarks as a tenant reads them, and whether it takes part in the comparison with others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger as Integer
from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Double,
    RowMapping,
    Text,
    column,
    select,
    table,
    text,
    tuple_,
)

from wharf.common.ledger.models import BenchmarkRun, Tenant
from wharf.gateway.cursors import decode, name_of, page

KEY = ("project_id", "level", "name", "metric")
FIGURES = ("value", "q1", "median", "q3", "tenant_value", "tenants_q1", "tenants_median", "tenants_q3")
ROWS = table(
    "benchmark_rows",
    column("profile", Text()),
    *(column(name, Text()) for name in KEY),
    *(column(name, Double()) for name in FIGURES),
    *(column(name, Integer()) for name in ("projects", "tenants")),
    column("tenants_as_of", DateTime(timezone=True)),
    schema="wharf",
)
SHARE = text("SELECT wharf.share_benchmarks(:wanted)")
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which benchmarks of a profile; None stands for all."""

    project_id: str | None
    level: str | None
    name: str | None
    metric: str | None
    cursor: str | None
    limit: int

    def conditions(self) -> list[ColumnElement[bool]]:
        """What the rows must be like. Raises `Invalid` (`bad_cursor`)."""
        said = {name: value for name in KEY if (value := getattr(self, name)) is not None}
        found: list[ColumnElement[bool]] = [ROWS.c[name] == value for name, value in said.items()]
        if self.cursor:
            after = decode(self.cursor, [name_of] * len(KEY))
            found.append(tuple_(*(ROWS.c[name] for name in KEY)) > tuple_(*after))
        return found


def last_run(connection: Connection, profile: str) -> RowMapping | None:
    """When they were last calculated, over which time and how many projects; None where they never were."""
    query = select(*BenchmarkRun.__table__.c).where(BenchmarkRun.profile == profile)
    return connection.execute(query).mappings().first()


def list_benchmarks(connection: Connection, profile: str, wanted: Wanted) -> tuple[list[Item], str | None]:
    """By project, level, name and metric: the project's own value, and the quartiles beside it."""
    query = select(*ROWS.c).where(ROWS.c.profile == profile, *wanted.conditions())
    query = query.order_by(*(ROWS.c[name] for name in KEY)).limit(wanted.limit + 1)
    rows = list(connection.execute(query).mappings())
    shown, following = page(rows, wanted.limit, lambda row: [row[name] for name in KEY])
    return [_item(row) for row in shown], following


def _item(row: RowMapping) -> Item:
    return {name: row[name] for name in (*KEY, "value")} | {"projects": _projects(row), "tenants": _tenants(row)}


def _projects(row: RowMapping) -> Item | None:
    """None where no other project has any of it."""
    if row["projects"] is None:
        return None
    return {"count": row["projects"]} | {name: row[name] for name in ("q1", "median", "q3")}


def _tenants(row: RowMapping) -> Item | None:
    """None where the tenant does not share, or too few do, or one of them has most of it."""
    if row["tenants"] is None:
        return None
    quartiles = {name: row[f"tenants_{name}"] for name in ("q1", "median", "q3", "as_of")}
    return {"count": row["tenants"], "value": row["tenant_value"]} | quartiles


def is_sharing(connection: Connection) -> bool:
    """Whether the transaction's tenant takes part in the comparison with others."""
    return bool(connection.execute(select(Tenant.shares_benchmarks)).scalar_one())


def share(connection: Connection, *, wanted: bool) -> bool:
    """Take part from the next calculation on, or no more: then what was given is deleted at once."""
    return bool(connection.execute(SHARE, {"wanted": wanted}).scalar_one())
