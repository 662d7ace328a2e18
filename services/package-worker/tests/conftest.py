"""Packages of a few rows, made in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from wharf.common.packages import PackageType, locale_named
from wharf.package_worker.content import Content, Filled, in_memory

AS_OF = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MONEY = pa.decimal128(38, 6)
Make = Callable[..., Content]


def column(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "title": name.capitalize(), **more}


def sums(columns: list[dict[str, Any]], table: pa.Table) -> dict[str, Decimal | int]:
    return {c["name"]: sum(v or 0 for v in table[c["name"]].to_pylist()) for c in columns if c.get("total")}


@pytest.fixture
def make() -> Make:
    """A package of one section over a table; `of` says more of the section, the rest of the package."""

    def made(table: pa.Table, columns: list[dict[str, Any]], of: dict[str, Any] | None = None, **more: Any) -> Content:
        section = {"name": "rows", "title": "All rows", "dataset": "things", "columns": columns, **(of or {})}
        locale = more.pop("locale", "en")
        kind = PackageType.model_validate({"name": "test", "title": "A test", "sections": [section], **more})
        filled = Filled(kind.sections[0], table.num_rows, in_memory(table, 100), sums(columns, table))
        return Content(kind, (filled,), locale_named(locale), "default", "Harbour Ltd", AS_OF, "fingerprint")

    return made


@pytest.fixture
def sales(make: Make) -> Callable[..., Content]:
    """So many sales: an id, a product, a number of pieces, an amount."""

    def made(rows: int, **more: Any) -> Content:
        table = pa.table(
            {
                "id": [f"TX-{n:06d}" for n in range(rows)],
                "product": pa.array([f"Thing {n % 7}" for n in range(rows)], pa.string()),
                "pieces": pa.array([n % 50 for n in range(rows)], pa.int64()),
                "amount": pa.array([Decimal(n) * 101 / 100 for n in range(rows)], MONEY),
            }
        )
        columns = [
            column("id"),
            column("product"),
            column("pieces", format="integer", total=True),
            column("amount", format="money", total=True),
        ]
        return make(table, columns, **more)

    return made
