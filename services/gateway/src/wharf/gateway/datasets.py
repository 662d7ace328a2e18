"""Reading datasets: typed tables of a tenant's own schema, whose names come from their registered definition only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnClause,
    ColumnElement,
    Connection,
    DateTime,
    Numeric,
    Row,
    RowMapping,
    Select,
    TableClause,
    Text,
    Uuid,
    and_,
    any_,
    column,
    false,
    literal,
    or_,
    select,
    table,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from wharf.common.errors import Invalid, Problem
from wharf.common.ledger.models import Dataset, DataUpdate
from wharf.common.profiles import ColumnType
from wharf.gateway.cursors import decode, moment_of, page
from wharf.gateway.profiles import find_profile
from wharf.gateway.spans import span_of

LARGEST = 2**63
BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
LONGEST_NUMBER = 10_000
"""Digits before or after the point; PostgreSQL's numeric has more, and no column of ours needs them."""
Page = tuple[list[dict[str, Any]], str | None]
SQL: Final[dict[ColumnType, TypeEngine[Any]]] = {
    ColumnType.TEXT: Text(),
    ColumnType.INTEGER: BigInteger(),
    ColumnType.DECIMAL: Numeric(),
    ColumnType.TIMESTAMP: DateTime(timezone=True),
    ColumnType.BOOLEAN: Boolean(),
    ColumnType.LIST: ARRAY(Text()),
}


def _integer(text: str) -> int:
    value = int(text)
    if not -LARGEST <= value < LARGEST:
        raise ValueError(text)
    return value


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or (value and abs(value.adjusted()) > LONGEST_NUMBER):
        raise ValueError(text)
    return value


def _timestamp(text: str) -> datetime:
    return span_of(text)[0]


def _boolean(text: str) -> bool:
    return BOOLEANS[text.lower()]


PARSERS: Final[dict[ColumnType, Callable[[str], Any]]] = {
    ColumnType.TEXT: str,
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.TIMESTAMP: _timestamp,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.LIST: str,
}
"""A filter's value; of a list, one element."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset. `always` says that every row has a value in it."""

    name: str
    type: ColumnType
    always: bool

    @property
    def clause(self) -> ColumnClause[Any]:
        """For queries."""
        return column(self.name, SQL[self.type])

    def parse(self, text: str) -> Any:  # noqa: ANN401 - a value of the column's type
        """A filter's value; raises `Invalid` for what is no value of that type."""
        try:
            return PARSERS[self.type](text)
        except (ValueError, ArithmeticError, KeyError) as error:
            message = f"The column {self.name} holds values of the type {self.type}; this is none."
            problem = Problem(f"query.{self.name}", f"not_{self.type}", message)
            raise Invalid(message, code="bad_filter", problems=(problem,)) from error


@dataclass(frozen=True, slots=True)
class Definition:
    """A dataset's columns, its order, and where it is (nowhere, as long as nothing was loaded)."""

    profile: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    place: tuple[str, str] | None

    @property
    def table(self) -> TableClause:
        """For queries."""
        schema, name = self.place or ("", "")
        own = (column("project_id", Text()), column("properties", JSONB()), IMPORT_ID.clause, LINE.clause)
        return table(name, *own, *(c.clause for c in self.columns), schema=schema)

    @property
    def order(self) -> tuple[Column, ...]:
        """What rows are sorted by: unique, and what the table's own index is made of."""
        return (PROJECT, *(self.key or (IMPORT_ID, LINE)))

    def column(self, name: str) -> Column:
        """The column of that name; raises `Invalid` where there is none."""
        for found in self.columns:
            if found.name == name:
                return found
        known = ", ".join(c.name for c in self.columns)
        message = f"The dataset {self.profile} has no column {name}. Filter by one of: {known}."
        raise Invalid(message, code="unknown_column", problems=(Problem(f"query.{name}", "unknown_column", message),))


PROJECT = Column("project_id", ColumnType.TEXT, always=True)
LINE = Column("_line", ColumnType.INTEGER, always=True)


@dataclass(frozen=True, slots=True)
class _ImportId(Column):
    @property
    def clause(self) -> ColumnClause[Any]:
        return column(self.name, Uuid())

    def parse(self, text: str) -> UUID:
        return UUID(text)


IMPORT_ID = _ImportId("_import_id", ColumnType.TEXT, always=True)


def definition_of(connection: Connection, profile: str) -> Definition:
    """A dataset as it was created, or as its profile declares it; raises `NotFound` where there is neither."""
    row = connection.execute(select(*Dataset.__table__.c).where(Dataset.profile == profile)).first()
    if row is not None:
        return read_definition(row)
    declared = find_profile(connection, profile)
    return _definition(profile, declared.model_dump(mode="json"), None)


def read_definition(row: Row[Any]) -> Definition:
    """From a row of `wharf.datasets`."""
    return _definition(row.profile, row.definition, (row.schema_name, row.table_name))


def _definition(profile: str, declared: Mapping[str, Any], place: tuple[str, str] | None) -> Definition:
    columns = {c["name"]: _column(c) for c in declared["columns"]}
    key = tuple(columns[name] for name in declared.get("key") or ())
    return Definition(profile, declared.get("title") or profile, tuple(columns.values()), key, place)


def _column(declared: Mapping[str, Any]) -> Column:
    kind = ColumnType(declared.get("type") or ColumnType.TEXT)
    return Column(declared["name"], kind, bool(declared.get("required") or declared.get("number_within")))


def list_datasets(connection: Connection) -> Sequence[Row[Any]]:
    """The datasets that there are, by profile."""
    return connection.execute(select(*Dataset.__table__.c).order_by(Dataset.profile)).all()


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Which rows are wanted: of one project or of all, with these values in these columns, from there on, so many."""

    project_id: str | None
    filters: Mapping[str, str]
    cursor: str | None
    limit: int


def list_rows(connection: Connection, definition: Definition, wanted: RowQuery) -> Page:
    """Rows in the order of their key: the profile's columns, `properties`, `_import_id`, `_line`."""
    conditions = [_equals(definition.column(name), text) for name, text in wanted.filters.items()]
    after = _after(definition.order, decode_position(definition, wanted.cursor)) if wanted.cursor else None
    if definition.place is None:
        return [], None
    query = select(definition.table).where(*conditions)
    if wanted.project_id is not None:
        query = query.where(PROJECT.clause == wanted.project_id)
    if after is not None:
        query = query.where(after)
    rows = connection.execute(_ordered(query, definition).limit(wanted.limit + 1)).mappings().all()
    shown, following = page(list(rows), wanted.limit, lambda row: [_position(row[c.name]) for c in definition.order])
    return [_row(row, definition) for row in shown], following


def _ordered(query: Select[Any], definition: Definition) -> Select[Any]:
    return query.order_by(*(c.clause for c in definition.order))


def _equals(found: Column, text: str) -> ColumnElement[bool]:
    """As exact as it is written: a day has all of its moments."""
    value = found.parse(text)
    if found.type is ColumnType.TIMESTAMP:
        first, after = span_of(text)
        return and_(found.clause >= first, found.clause < after) if after else found.clause >= first
    if found.type is ColumnType.LIST:
        held: ColumnElement[bool] = literal(value, Text()) == any_(found.clause)
        return held
    equal: ColumnElement[bool] = found.clause == value
    return equal


def decode_position(definition: Definition, cursor: str) -> list[Any]:
    """The values of the row after which a list goes on."""

    def parser(of: Column) -> Callable[[Any], Any]:
        return lambda value: None if value is None and not of.always else _parse_position(of, value)

    return decode(cursor, [parser(c) for c in definition.order])


def _parse_position(of: Column, value: object) -> Any:  # noqa: ANN401 - a value of the column's type
    if not isinstance(value, str) or "\0" in value:
        raise TypeError(value)
    try:
        return of.parse(value)
    except Invalid as error:
        raise ValueError(value) from error


def _position(value: object) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _after(order: tuple[Column, ...], values: list[Any]) -> ColumnElement[bool]:
    """The rows that come later. Compared as a whole row where no value can be missing: that is what an index can do."""
    if all(c.always for c in order):
        position = (literal(v, c.clause.type) for c, v in zip(order, values, strict=True))
        later_row: ColumnElement[bool] = tuple_(*(c.clause for c in order)) > tuple_(*position)
        return later_row
    steps = []
    for nth, (last, value) in enumerate(zip(order, values, strict=True)):
        same = [
            c.clause.is_not_distinct_from(literal(v, c.clause.type)) for c, v in zip(order[:nth], values, strict=False)
        ]
        # Rows without a value come last: nothing is behind them but their equals.
        later = false() if value is None else or_(last.clause > literal(value, last.clause.type), last.clause.is_(None))
        steps.append(and_(*same, later))
    return and_(PROJECT.clause >= values[0], or_(*steps))


def _row(row: RowMapping, definition: Definition) -> dict[str, Any]:
    shown = {c.name: _json(row[c.name]) for c in definition.columns}
    return {**shown, "properties": row["properties"] or {}, "_import_id": row["_import_id"], "_line": row["_line"]}


def _json(value: object) -> object:
    """Decimals as numbers, but for those with more digits than a reader's float keeps: these are text, and exact."""
    if not isinstance(value, Decimal):
        return value
    number = float(value)
    return number if Decimal(repr(number)) == value else format(value, "f")


def list_updates(connection: Connection, profile: str, project_id: str | None, cursor: str | None, limit: int) -> Page:
    """The accounts of what was merged into a dataset, newest first."""
    query = select(*DataUpdate.__table__.c).where(DataUpdate.profile == profile)
    if project_id is not None:
        query = query.where(DataUpdate.project_id == project_id)
    if cursor:
        at, update_id = decode(cursor, (moment_of, UUID))
        query = query.where(tuple_(DataUpdate.at, DataUpdate.id) < (at, update_id))
    rows = connection.execute(query.order_by(DataUpdate.at.desc(), DataUpdate.id.desc()).limit(limit + 1)).mappings()
    shown, following = page(list(rows), limit, lambda row: (row["at"].isoformat(), row["id"]))
    return [dict(row) | {"period": _period(row)} for row in shown], following


def _period(row: RowMapping) -> dict[str, Any] | None:
    begin, end = row["period_from"], row["period_to"]
    return {"from": begin, "to": end} if begin and end else None
