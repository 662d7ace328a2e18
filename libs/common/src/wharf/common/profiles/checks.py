"""What the values of a column must be like, beyond their type, and what a row must be like as a whole.

A check that fails rejects the row, or with the severity `warning` is only counted. Empty cells pass every check:
`required` is what refuses them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from wharf.common.profiles.patterns import Pattern
from wharf.common.profiles.types import NUMBERS, ColumnType, Declared, Name

Message = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Bound = Annotated[Decimal | datetime, Field(union_mode="left_to_right")]
"""A number, or a moment of ISO 8601 (in UTC where it has no zone)."""
ALL_TYPES = frozenset(ColumnType)
SHOWN_VALUES = 10


class Severity(StrEnum):
    """What a failed check does: reject the row, or only tell."""

    ERROR = "error"
    WARNING = "warning"


class Check(Declared, ABC):
    """What all checks of a column have."""

    types: ClassVar[frozenset[ColumnType]] = ALL_TYPES
    code: ClassVar[str]
    severity: Severity = Severity.ERROR
    message: Message | None = None
    """Said instead of the usual sentence."""

    @property
    @abstractmethod
    def usual_message(self) -> str:
        """What is said where the profile has no message of its own."""

    @property
    def sentence(self) -> str:
        """What is wrong with a value that fails, and what would be right."""
        return self.message or self.usual_message


class Range(Check):
    """Not less than `min`, not more than `max`."""

    kind: Literal["range"]
    types = NUMBERS | {ColumnType.TIMESTAMP}
    code = "not_in_range"
    min: Bound | None = None
    max: Bound | None = None

    @property
    def usual_message(self) -> str:
        """As `Check.usual_message`."""
        if self.min is None or self.max is None:
            return f"This must be at most {self.max}." if self.min is None else f"This must be at least {self.min}."
        return f"This must be from {self.min} to {self.max}."

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        low, high = self.min, self.max
        if low is None and high is None:
            raise ValueError("a range needs min, max or both")
        if any(isinstance(bound, Decimal) and not bound.is_finite() for bound in (low, high)):
            raise ValueError("the bounds of a range are finite")
        if low is not None and high is not None and (type(low) is not type(high) or _order(low) > _order(high)):
            raise ValueError("min must be a value like max, and not above it")
        return self


class Length(Check):
    """So many characters, or elements of a list."""

    kind: Literal["length"]
    types = frozenset({ColumnType.TEXT, ColumnType.LIST})
    code = "wrong_length"
    min: Annotated[int, Field(ge=0)] = 0
    max: Annotated[int, Field(ge=0)] | None = None

    @property
    def usual_message(self) -> str:
        """As `Check.usual_message`."""
        if self.max is None:
            return f"This must have a length of at least {self.min}."
        if self.min == self.max:
            return f"This must have a length of exactly {self.max}."
        return f"This must have a length of {self.min} to {self.max}."

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        if self.max is None and not self.min:
            raise ValueError("a length needs min, max or both")
        if self.max is not None and self.min > self.max:
            raise ValueError("min must not be above max")
        return self


class Matches(Check):
    """The whole value matches a regular expression (RE2)."""

    kind: Literal["pattern"]
    types = frozenset({ColumnType.TEXT})
    code = "no_match"
    pattern: Pattern

    @property
    def usual_message(self) -> str:
        """As `Check.usual_message`."""
        return f"This must match the pattern {self.pattern}"


class OneOf(Check):
    """One of some values; of a list, every element."""

    kind: Literal["values"]
    types = frozenset({ColumnType.TEXT, ColumnType.LIST})
    code = "not_a_known_value"
    values: Annotated[tuple[Value, ...], Field(min_length=1, max_length=5000)]
    ignore_case: bool = False

    @property
    def usual_message(self) -> str:
        """As `Check.usual_message`."""
        more = ", …" if len(self.values) > SHOWN_VALUES else ""
        return f"This must be one of: {', '.join(self.values[:SHOWN_VALUES])}{more}."


class Unique(Check):
    """No other row has the same value: of the file, or of the file and the dataset.

    Rows with one key are one row. Of several others the first one in the file is right.
    """

    kind: Literal["unique"]
    types = ALL_TYPES - {ColumnType.LIST}
    code = "not_unique"
    within: Literal["file", "dataset"] = "file"

    @property
    def usual_message(self) -> str:
        """As `Check.usual_message`."""
        where = "file" if self.within == "file" else "file or in the dataset"
        return f"Another row of the {where} has this value; it must be unique."


class Exists(Check):
    """The value is in the dataset already: rows may be changed, not added."""

    kind: Literal["exists"]
    types = ALL_TYPES - {ColumnType.LIST}
    code = "not_in_dataset"

    @property
    def usual_message(self) -> str:
        """As `Check.usual_message`."""
        return "No row of the dataset has this value."


class Reference(Check):
    """The value is in a column of another dataset of the project."""

    kind: Literal["reference"]
    types = ALL_TYPES - {ColumnType.LIST}
    code = "unknown_reference"
    profile: Name
    column: Name

    @property
    def usual_message(self) -> str:
        """As `Check.usual_message`."""
        return f"The dataset {self.profile} has no row with this value in {self.column}. Load that one first."


ColumnCheck = Annotated[Range | Length | Matches | OneOf | Unique | Exists | Reference, Field(discriminator="kind")]
AcrossRows = Unique | Exists | Reference
"""Checks that one row alone cannot tell: they are made in the database, on all rows at once."""


def _order(bound: Decimal | datetime) -> float:
    if isinstance(bound, Decimal):
        return float(bound)
    return (bound if bound.tzinfo else bound.replace(tzinfo=UTC)).timestamp()
