"""What a section can read: a tenant's datasets, and what the ledger tells of imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from psycopg import sql
from sqlalchemy import Connection, select

from wharf.common.errors import Invalid, Problem
from wharf.common.ledger.models import Dataset
from wharf.common.profiles import ColumnType, KnownProfiles

PROPERTIES = "properties"
IMPORTS = """(SELECT *, import_id AS _import_id FROM wharf.data_updates)"""
REJECTS = """(
    SELECT i.project_id, i.profile, r.line, r.byte_offset, left(r.raw, 2000) AS raw, e ->> 'column' AS column_name,
           e ->> 'code' AS code, e ->> 'message' AS message, u.file_name, r.import_id
    FROM wharf.rejects r
    JOIN wharf.imports i ON i.id = r.import_id
    JOIN wharf.uploads u ON u.id = i.upload_id
    CROSS JOIN LATERAL jsonb_array_elements(r.errors) e)"""
NUMBERS = ("rows_before", "inserted", "updated", "unchanged", "superseded", "rejected", "rows_after")


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from: a relation with a `project_id`, its columns, and what makes its order total."""

    name: str
    relation: sql.Composable | None
    """None as long as nothing was loaded."""
    columns: Mapping[str, ColumnType]
    key: tuple[str, ...]

    def type_of(self, column: str) -> ColumnType:
        """The type of a column. Raises `Invalid` (`unknown_column`), which names the near ones."""
        if column in self.columns:
            return self.columns[column]
        near = get_close_matches(column, self.columns, n=3, cutoff=0.4) or list(self.columns)
        message = f"The dataset {self.name} has no column {column!r}. Did you mean {' or '.join(near)}?"
        raise Invalid(message, code="unknown_column", problems=(Problem("sections", "unknown_column", message),))


def _of_ledger(name: str, query: str, texts: str, numbers: tuple[str, ...], key: str) -> Source:
    columns = dict.fromkeys(texts.split(), ColumnType.TEXT) | dict.fromkeys(numbers, ColumnType.INTEGER)
    columns |= dict.fromkeys(("at", "period_from", "period_to"), ColumnType.TIMESTAMP) if name == "imports" else {}
    return Source(name, sql.SQL(query), columns, tuple(key.split()))


LEDGER = {
    "imports": _of_ledger("imports", IMPORTS, "profile mode", NUMBERS, "at id"),
    "rejects": _of_ledger(
        "rejects", REJECTS, "profile raw column_name code message file_name", ("line",), "import_id byte_offset code"
    ),
}
"""What every tenant can report on, beside its datasets."""


def source_of(connection: Connection, name: str) -> Source:
    """The source of that name, for the transaction's tenant. Raises `Invalid` where no profile is called so."""
    if name in LEDGER:
        return LEDGER[name]
    row = connection.execute(select(*Dataset.__table__.c).where(Dataset.profile == name)).first()
    if row is None:
        profile = KnownProfiles.of_tenant(connection).named(name)
        return _of_dataset(name, None, profile.model_dump(mode="json"))
    return _of_dataset(name, sql.Identifier(row.schema_name, row.table_name), row.definition)


def _of_dataset(name: str, relation: sql.Composable | None, declared: Mapping[str, object]) -> Source:
    listed = declared["columns"]
    assert isinstance(listed, list)  # noqa: S101 - as every definition is written
    columns = {column["name"]: ColumnType(column.get("type") or ColumnType.TEXT) for column in listed}
    key = declared.get("key") or ("_import_id", "_line")
    assert isinstance(key, list | tuple)  # noqa: S101 - as above
    return Source(name, relation, columns | {PROPERTIES: ColumnType.TEXT}, tuple(key))
