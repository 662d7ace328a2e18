"""The types of columns, and what every part of a profile has in common."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator

from wharf.common.wording import COLUMN_NAME

Name = Annotated[str, StringConstraints(pattern=COLUMN_NAME)]


class ColumnType(StrEnum):
    """The type of a column: how its cells are read and how PostgreSQL keeps them."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"
    LIST = "list"


class Policy(StrEnum):
    """What becomes of a cell where the row is there and the file says something else."""

    INCOMING = "incoming"
    EXISTING = "existing"
    NEWEST = "newest"
    """That of the row with the later time; the incoming one of two at the same time."""
    NON_NULL = "non_null"
    """The incoming one, unless it is empty."""
    ASK = "ask"
    """The existing one, until somebody decides."""


SQL_TYPES: dict[ColumnType, str] = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "bigint",
    ColumnType.DECIMAL: "numeric",
    ColumnType.TIMESTAMP: "timestamptz",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.LIST: "text[]",
}


NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL})


class Declared(BaseModel):
    """A part of a profile: immutable, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _storable(cls, value: object) -> object:
        """The ledger keeps declarations as jsonb, which has no text with NUL."""
        texts = value if isinstance(value, tuple) else (value,)
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise ValueError("NUL characters are not allowed here")
        return value
