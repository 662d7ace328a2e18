"""What all of the ledger's tables have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Double, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

SCHEMA = "wharf"
NOW = text("now()")
EMPTY = text("'{}'::jsonb")
Json = dict[str, Any]
JsonList = list[dict[str, Any]]


class Table(DeclarativeBase):
    """Base of the ledger's tables: schema `wharf`, times with zone, JSON as jsonb."""

    metadata = MetaData(schema=SCHEMA)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text,
        Json: JSONB,
        JsonList: JSONB,
        int: BigInteger,
        float: Double,
    }
