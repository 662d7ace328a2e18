"""What a profile may declare: the shape of one kind of table, read by one engine.

A profile is data. The engine that reads it knows no profile's name; what a kind of file needs
that no other needs is a new field here, never a branch.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class ColumnType(StrEnum):
    """The type of a column: how its cells are read and how PostgreSQL keeps them."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"
    LIST = "list"


SQL_TYPES: dict[ColumnType, str] = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "bigint",
    ColumnType.DECIMAL: "numeric",
    ColumnType.TIMESTAMP: "timestamptz",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.LIST: "text[]",
}


class Declared(BaseModel):
    """A part of a profile: immutable, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Declared):
    """One column: its name in the dataset, its type, the headers under which files bring it."""

    name: Name
    type: ColumnType = ColumnType.TEXT
    required: bool = False
    aliases: tuple[str, ...] = ()
    product_of: tuple[Name, ...] = ()
    """Where the file has no value: the product of these columns (computed exactly, as numeric)."""
    number_within: tuple[Name, ...] = ()
    """Where the file has no value: 1, 2, 3, ... in the file's order among rows that agree in these columns."""

    @property
    def sql_type(self) -> str:
        """The column's type in PostgreSQL."""
        return SQL_TYPES[self.type]


class Profile(Declared):
    """One kind of table."""

    name: Name
    title: str
    key: tuple[Name, ...] = ()
    columns: tuple[Column, ...] = Field(min_length=1, max_length=1000)
    period_column: Name | None = None
    max_reject_ratio: float = Field(default=1.0, ge=0.0, le=1.0)
    keep_unknown: bool = True
    """Columns of a file that no column here claims are kept in `properties`."""

    @property
    def required(self) -> tuple[Column, ...]:
        """The columns without which a row is rejected."""
        return tuple(c for c in self.columns if c.required)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        return next(c for c in self.columns if c.name == name)

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            msg = "two columns have the same name"
            raise ValueError(msg)
        used = {*self.key, *(n for c in self.columns for n in (*c.product_of, *c.number_within))}
        if self.period_column:
            used.add(self.period_column)
        if unknown := sorted(used - set(names)):
            msg = f"not a column of this profile: {', '.join(unknown)}"
            raise ValueError(msg)
        return self
