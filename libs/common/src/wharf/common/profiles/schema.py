"""What a profile may declare: the shape of one kind of table, read by one engine.

A profile is data. The engine that reads it knows no profile's name; what a kind of file needs
that no other needs is a new field here, never a branch.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


def _with_a_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    if not groups:
        raise ValueError("a header pattern needs a group: what it captures is the header")
    return pattern


HeaderPattern = Annotated[str, StringConstraints(max_length=200), AfterValidator(_with_a_group)]
"""A regular expression for a whole header; its first group is the header proper."""

NullText = Annotated[str, StringConstraints(min_length=1, max_length=50, strip_whitespace=True)]


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


class Entity(Declared):
    """A thing that several rows speak of, such as a supplier: created once, in a dataset of its own.

    A row that has no value in the key's first column speaks of none. An entity with the profile's own key is the
    dataset itself: its rows are counted, not kept twice.
    """

    name: Name
    key: tuple[Name, ...] = Field(min_length=1)
    columns: tuple[Name, ...] = ()
    """What the rows say about it, beside its key."""


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
    nulls: tuple[NullText, ...] = Field(default=(), max_length=50)
    """Cells that mean nothing, such as `NA` or `-`, in any case: they are read as empty ones."""
    header_patterns: tuple[HeaderPattern, ...] = ()
    """Headers that wrap another one, such as `Custom field (Team)`: the column is called by what is inside."""
    surplus_cells: Literal["reject", "keep"] = "reject"
    """What becomes of a row with more cells than the header: `keep` puts the others into `properties`."""

    entities: tuple[Entity, ...] = ()

    @property
    def required(self) -> tuple[Column, ...]:
        """The columns without which a row is rejected."""
        return tuple(c for c in self.columns if c.required)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        return next(c for c in self.columns if c.name == name)

    @model_validator(mode="after")
    def _what_is_kept_has_a_place(self) -> Self:
        if self.surplus_cells == "keep" and not self.keep_unknown:
            msg = "surplus cells are kept in properties, so keep_unknown must be true"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            msg = "two columns have the same name"
            raise ValueError(msg)
        used = {
            *self.key,
            *(n for e in self.entities for n in (*e.key, *e.columns)),
            *(n for c in self.columns for n in (*c.product_of, *c.number_within)),
        }
        if self.period_column:
            used.add(self.period_column)
        if unknown := sorted(used - set(names)):
            msg = f"not a column of this profile: {', '.join(unknown)}"
            raise ValueError(msg)
        return self
