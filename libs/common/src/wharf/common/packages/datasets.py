"""What a section can read: a tenant's datasets, loaded or only declared, and what the ledger tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, select

from wharf.common.errors import Invalid, Problem
from wharf.common.ledger.models import Dataset
from wharf.common.nearnames import hint
from wharf.common.profiles import ColumnType, KnownProfiles, Profile

PROPERTIES = "properties"
ROWS = ("_import_id", "_line")
"""What tells the rows of a dataset without a key apart."""
BESIDE_TENANTS = ("tenant_value", "tenants_q1", "tenants_median", "tenants_q3")
NUMBERS = ("rows_before", "inserted", "updated", "unchanged", "superseded", "rejected", "rows_after")


@dataclass(frozen=True, slots=True)
class Shape:
    """A dataset's columns, and what makes the order of its rows total."""

    name: str
    columns: Mapping[str, ColumnType]
    key: tuple[str, ...]
    table: tuple[str, str] | None = None
    """Its schema and table; None as long as nothing was loaded, and for what is no table."""
    moment: str | None = None
    """The column that says when a row came to be: what a report of a time is about."""

    def type_of(self, column: str) -> ColumnType:
        """The type of a column. Raises `Invalid` (`unknown_column`), which names the near ones."""
        if column in self.columns:
            return self.columns[column]
        message = f"The dataset {self.name} has no column {column!r}. {hint(column, self.columns)}"
        raise Invalid(message, code="unknown_column", problems=(Problem("sections", "unknown_column", message),))


def _of_ledger(name: str, kinds: dict[ColumnType, tuple[str, ...]], key: str) -> Shape:
    columns = {column: kind for kind, columns in kinds.items() for column in columns}
    return Shape(name, columns, tuple(key.split()), moment="at")


TEXT, INTEGER, DECIMAL, TIMESTAMP = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.TIMESTAMP
LEDGER = {
    "imports": _of_ledger(
        "imports",
        {TEXT: ("project_id", "profile", "mode"), INTEGER: NUMBERS, TIMESTAMP: ("at", "period_from", "period_to")},
        "at id",
    ),
    "rejects": _of_ledger(
        "rejects",
        {
            TEXT: ("project_id", "profile", "raw", "column_name", "code", "message", "file_name"),
            INTEGER: ("line",),
            TIMESTAMP: ("at",),
        },
        "import_id byte_offset code",
    ),
    "finished_jobs": _of_ledger(
        "finished_jobs",
        {
            TEXT: ("project_id", "kind", "queue", "status"),
            INTEGER: ("failures", "deaths"),
            DECIMAL: ("wait_seconds", "run_seconds"),
            TIMESTAMP: ("at",),
        },
        "at id",
    ),
    "benchmarks": _of_ledger(
        "benchmarks",
        {
            TEXT: ("level", "name", "metric"),
            INTEGER: ("projects", "tenants"),
            DECIMAL: ("value", "q1", "median", "q3", *BESIDE_TENANTS),
            TIMESTAMP: ("as_of", "period_from", "period_to", "tenants_as_of"),
        },
        "level name metric",
    ),
}
"""What every tenant can report on, beside its datasets; a profile of such a name is hidden by it."""


@dataclass(frozen=True, slots=True)
class KnownDatasets:
    """What a tenant's packages can read, by name."""

    by_name: Mapping[str, Shape]

    @classmethod
    def of_tenant(cls, connection: Connection) -> Self:
        """Those of the transaction's tenant: as they are, where something was loaded, else as a profile says."""
        profiles = KnownProfiles.of_tenant(connection).by_name.values()
        declared = {shape.name: shape for profile in profiles for shape in declared_shapes(profile)}
        rows = connection.execute(select(*Dataset.__table__.c)).mappings()
        return cls(declared | {row["profile"]: _loaded(row) for row in rows} | LEDGER)

    def named(self, name: str) -> Shape:
        """The dataset of that name. Raises `Invalid` (`unknown_dataset`), which names the near ones."""
        if name in self.by_name:
            return self.by_name[name]
        message = f"There is no dataset {name!r}. {hint(name, self.by_name)}"
        raise Invalid(message, code="unknown_dataset", problems=(Problem("sections", "unknown_dataset", message),))


def declared_shapes(profile: Profile) -> Iterator[Shape]:
    """The datasets that a profile fills, as it declares them: its own, then those of its entities."""
    kinds = profile.column_types
    yield _shape(profile.name, kinds, profile.key)
    for entity in profile.entities:
        if entity.key != profile.key:
            names = (*entity.key, *entity.columns)
            yield _shape(f"{profile.name}_{entity.name}", {name: kinds[name] for name in names}, entity.key)


def _loaded(row: Mapping[Any, Any]) -> Shape:
    said = row["definition"]
    kinds = {column["name"]: ColumnType(column.get("type") or TEXT) for column in said["columns"]}
    return _shape(row["profile"], kinds, tuple(said.get("key") or ()), (row["schema_name"], row["table_name"]))


def _shape(
    name: str, kinds: Mapping[str, ColumnType], key: tuple[str, ...], table: tuple[str, str] | None = None
) -> Shape:
    return Shape(name, {**kinds, PROPERTIES: TEXT}, key or ROWS, table)
