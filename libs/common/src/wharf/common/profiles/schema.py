"""What a profile may declare: the shape of one kind of table, read by one engine.

A profile is data. The engine that reads it knows no profile's name; what a kind of file needs
that no other needs is a new field here, never a branch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from wharf.common.profiles.checks import AcrossRows, Bound, ColumnCheck, Message, Range, Severity, Unique
from wharf.common.profiles.expressions import condition
from wharf.common.profiles.patterns import HeaderPattern
from wharf.common.profiles.types import NUMBERS, SQL_TYPES, ColumnType, Declared, Name, Policy

OURS = frozenset({"tenant_id", "project_id", "properties"})
"""Columns that every dataset has."""
LONGEST_DATASET = 58
"""Letters of a dataset's name: PostgreSQL has 63, and its index is called after it."""


def _usable(name: str) -> str:
    if name.startswith("staging_") or name.endswith("_key"):
        raise ValueError("a profile's name may not begin with staging_ or end with _key: tables of Wharf are called so")
    return name


def _free(name: str) -> str:
    if name in OURS:
        message = f"every dataset has a column {name} of its own; choose another name"
        raise ValueError(message)
    return name


DatasetName = Annotated[Name, StringConstraints(max_length=LONGEST_DATASET), AfterValidator(_usable)]
ColumnName = Annotated[Name, AfterValidator(_free)]
NullText = Annotated[str, StringConstraints(min_length=1, max_length=50, strip_whitespace=True)]
Alias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Column(Declared):
    """One column: its name in the dataset, its type, the headers under which files bring it."""

    name: ColumnName
    type: ColumnType = ColumnType.TEXT
    required: bool = False
    aliases: tuple[Alias, ...] = Field(default=(), max_length=100)
    product_of: tuple[Name, ...] = ()
    """Where the file has no value: the product of these columns (computed exactly, as numeric)."""
    number_within: tuple[Name, ...] = ()
    """Where the file has no value: 1, 2, 3, ... in the file's order among rows that agree in these columns."""
    checks: tuple[ColumnCheck, ...] = Field(default=(), max_length=20)
    """What its values must be like."""
    conflict: Policy = Policy.INCOMING
    """What becomes of a cell that is there and differs."""

    @property
    def sql_type(self) -> str:
        """The column's type in PostgreSQL."""
        return SQL_TYPES[self.type]

    @property
    def across_rows(self) -> tuple[AcrossRows, ...]:
        """The checks that no row alone can tell."""
        return tuple(check for check in self.checks if isinstance(check, AcrossRows))

    @model_validator(mode="after")
    def _checks_fit_the_type(self) -> Self:
        for check in self.checks:
            if self.type not in check.types:
                message = f"a check of the kind {check.kind} is not for the type {self.type}"
                raise ValueError(message)
            if isinstance(check, Range) and any(not _fits(b, self.type) for b in (check.min, check.max)):
                message = f"the bounds of {self.name} must be values of its type, {self.type}"
                raise ValueError(message)
        return self


class Entity(Declared):
    """A thing that several rows speak of, such as a supplier: created once, in a dataset of its own.

    A row that has no value in the key's first column speaks of none. An entity with the profile's own key is the
    dataset itself: its rows are counted, not kept twice.
    """

    name: Name
    key: tuple[Name, ...] = Field(min_length=1)
    columns: tuple[Name, ...] = ()
    """What the rows say about it, beside its key."""


class RowCheck(Declared):
    """What must be true of every row: an expression over its columns. A missing value makes it pass."""

    name: Name
    expression: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    message: Message | None = None
    severity: Severity = Severity.ERROR

    @property
    def sentence(self) -> str:
        """What is wrong with a row that fails."""
        return self.message or f"This is not true of the row: {self.expression}"


class Profile(Declared):
    """One kind of table."""

    name: DatasetName
    title: Title
    key: tuple[Name, ...] = Field(default=(), max_length=16)
    columns: tuple[Column, ...] = Field(min_length=1, max_length=1000)
    period_column: Name | None = None
    max_reject_ratio: float = Field(default=1.0, ge=0.0, le=1.0)
    keep_unknown: bool = True
    """Columns of a file that no column here claims are kept in `properties`."""
    nulls: tuple[NullText, ...] = Field(default=(), max_length=50)
    """Cells that mean nothing, such as `NA` or `-`, in any case: they are read as empty ones."""
    header_patterns: tuple[HeaderPattern, ...] = Field(default=(), max_length=20)
    """Headers that wrap another one, such as `Custom field (Team)`: the column is called by what is inside."""
    surplus_cells: Literal["reject", "keep"] = "reject"
    """What becomes of a row with more cells than the header: `keep` puts the others into `properties`."""

    entities: tuple[Entity, ...] = Field(default=(), max_length=20)
    checks: tuple[RowCheck, ...] = Field(default=(), max_length=50)
    """What every row must be like as a whole."""
    newest_by: Name | None = None
    """The timestamp that tells which row is the newer one, for columns of the policy `newest`."""
    room_for_changes: bool = True
    """Whether the pages of a dataset with a key have room for each row once more: twice the disk, fast upserts."""

    @property
    def required(self) -> tuple[Column, ...]:
        """The columns without which a row is rejected."""
        return tuple(c for c in self.columns if c.required)

    @property
    def dataset_names(self) -> tuple[str, ...]:
        """The datasets that it fills: its own, then those of its entities."""
        return (self.name, *(f"{self.name}_{e.name}" for e in self.entities if e.key != self.key))

    @property
    def column_types(self) -> dict[str, ColumnType]:
        """Every column's type by its name."""
        return {c.name: c.type for c in self.columns}

    @property
    def across_rows(self) -> tuple[tuple[Column, AcrossRows], ...]:
        """The checks of columns that no row alone can tell."""
        return tuple((column, check) for column in self.columns for check in column.across_rows)

    @property
    def is_unique_in_dataset(self) -> bool:
        """Whether some column's values must be new to the dataset: what another import may change meanwhile."""
        return any(isinstance(check, Unique) and check.within == "dataset" for _, check in self.across_rows)

    def to_keep(self) -> dict[str, Any]:
        """As JSON for any worker: what is not said is not written, since one of a version before may not know it."""
        kept = self.model_dump(mode="json")
        if not (self.checks or any(column.checks for column in self.columns)):
            del kept["checks"]
            kept["columns"] = [{n: v for n, v in column.items() if n != "checks"} for column in kept["columns"]]
        if self.newest_by is None:
            del kept["newest_by"]
        if self.room_for_changes:
            del kept["room_for_changes"]
        for column in kept["columns"]:
            if column["conflict"] == Policy.INCOMING:
                del column["conflict"]
        return kept

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        return next(c for c in self.columns if c.name == name)

    @model_validator(mode="after")
    def _what_is_kept_has_a_place(self) -> Self:
        if self.surplus_cells == "keep" and not self.keep_unknown:
            raise ValueError("surplus cells are kept in properties, so keep_unknown must be true")
        return self

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for problem in (*_repeated(self), *_unknown(self), *_misused(self)):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _expressions_are_right(self) -> Self:
        for check in self.checks:
            try:
                condition(check.expression, self.column_types)
            except ValueError as error:
                message = f"checks.{check.name}: {error}"
                raise ValueError(message) from error
        return self


def _fits(bound: Bound | None, kind: ColumnType) -> bool:
    return bound is None or (kind in NUMBERS) == (not hasattr(bound, "tzinfo"))


def _repeated(profile: Profile) -> Iterator[str]:
    kinds = {
        "columns": [column.name for column in profile.columns],
        "entities": [entity.name for entity in profile.entities],
        "row checks": [check.name for check in profile.checks],
    }
    for what, names in kinds.items():
        if len(set(names)) != len(names):
            yield f"two {what} have the same name"
    if len(set(profile.key)) != len(profile.key):
        yield "a column is named twice in the key"
    if any(len(name) > LONGEST_DATASET for name in profile.dataset_names):
        yield f"the names of profile and entity together may have {LONGEST_DATASET - 1} letters"


def _unknown(profile: Profile) -> Iterator[str]:
    used = {
        *profile.key,
        *(n for e in profile.entities for n in (*e.key, *e.columns)),
        *(n for c in profile.columns for n in (*c.product_of, *c.number_within)),
        *((profile.period_column,) if profile.period_column else ()),
        *((profile.newest_by,) if profile.newest_by else ()),
    }
    if unknown := sorted(used - set(profile.column_types)):
        yield f"not a column of this profile: {', '.join(unknown)}"


def _misused(profile: Profile) -> Iterator[str]:
    """Columns of a type with which the engine cannot do what is asked."""
    kinds = profile.column_types
    if profile.period_column and kinds.get(profile.period_column) is not ColumnType.TIMESTAMP:
        yield f"period_column must be a timestamp; {profile.period_column} is none"
    if any(kinds.get(name) is ColumnType.LIST for name in profile.key):
        yield "a list cannot be part of the key"
    if profile.newest_by and kinds.get(profile.newest_by) is not ColumnType.TIMESTAMP:
        yield f"newest_by must be a timestamp; {profile.newest_by} is none"
    for column in profile.columns:
        if column.conflict is not Policy.INCOMING and column.name in profile.key:
            yield f"{column.name}: rows with another key are other rows, so there is no conflict to settle"
        if column.conflict is Policy.NEWEST and profile.newest_by is None:
            yield f"{column.name}: newest needs newest_by, a column that tells which row is the newer one"
    for column in profile.columns:
        if column.product_of and not {column.type, *(kinds.get(n) for n in column.product_of)} <= NUMBERS:
            yield f"{column.name}: only numbers can be a product of numbers"
        if column.number_within and column.type is not ColumnType.INTEGER:
            yield f"{column.name}: only an integer can be a number within a group"
