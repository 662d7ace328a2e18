"""The plan of an import: everything that is decided once, on the sample, and then kept for every attempt."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import UUID

import numpy as np

from wharf.common.corrections import IMPORT
from wharf.common.errors import Invalid, Problem
from wharf.common.profiles import ColumnType
from wharf.ingest_worker.reading import numbers, timestamps
from wharf.ingest_worker.reading.cells import without_nulls
from wharf.ingest_worker.reading.dialect import SAMPLE_BYTES, Dialect, detect
from wharf.ingest_worker.reading.fitness import score_of
from wharf.ingest_worker.reading.mapping import ColumnMapping, expected_headers, map_columns, named
from wharf.ingest_worker.reading.numbers import Mark
from wharf.ingest_worker.reading.parsing import parse
from wharf.ingest_worker.reading.records import read_blocks
from wharf.ingest_worker.reading.source import Bytes
from wharf.ingest_worker.reading.timestamps import Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from wharf.common.imports import ImportOptions
    from wharf.common.profiles import Column, Profile

VERSION: Final = 1
NUMERIC: Final = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL})


@dataclass(frozen=True, slots=True)
class Reading:
    """How one column's cells are to be read."""

    mark: Mark = Mark.POINT
    order: Order = Order.UNKNOWN


@dataclass(frozen=True, slots=True)
class ProfileFit:
    """Which profile a file is read by, and how well its headers fit (0 to 1)."""

    name: str
    score: float


@dataclass(frozen=True)
class Plan:
    """How a file becomes rows of a profile."""

    dialect: Dialect
    mapping: ColumnMapping
    readings: Mapping[str, Reading]
    """By column; a column without one is read by the defaults."""
    warnings: tuple[Problem, ...] = ()
    profile: ProfileFit | None = None
    """None in plans that were made before fits were told."""
    nulls: tuple[str, ...] = ()
    """Cells that mean nothing, in lower case."""
    corrects: UUID | None = None
    """The import whose rejects the file says to be."""

    @cached_property
    def headers(self) -> tuple[str, ...]:
        """The source columns' names, a blank one called by its place."""
        return named(self.dialect.header)

    def reading(self, column: str) -> Reading:
        """How a column's cells are to be read."""
        return self.readings.get(column, Reading())

    def as_dict(self) -> dict[str, Any]:
        """As it is kept in a checkpoint (JSON)."""
        return {
            "version": VERSION,
            "dialect": self.dialect.to_dict(),
            "mapping": self.mapping.to_dict(),
            "readings": {name: {"mark": r.mark.value, "order": r.order.value} for name, r in self.readings.items()},
            "warnings": [{"loc": w.loc, "code": w.code, "message": w.message} for w in self.warnings],
            "profile": asdict(self.profile) if self.profile else None,
            "nulls": list(self.nulls),
            "corrects": str(self.corrects) if self.corrects else None,
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """The plan that `as_dict` gave."""
        return cls(
            dialect=Dialect.from_dict(kept["dialect"]),
            mapping=ColumnMapping.from_dict(kept["mapping"]),
            readings={name: Reading(Mark(r["mark"]), Order(r["order"])) for name, r in kept["readings"].items()},
            warnings=tuple(Problem(**w) for w in kept["warnings"]),
            profile=ProfileFit(**fit) if (fit := kept.get("profile")) else None,
            nulls=tuple(kept.get("nulls", ())),
            corrects=UUID(kept["corrects"]) if kept.get("corrects") else None,
        )


def make_plan(
    sample: bytes,
    total_size: int,
    profile: Profile,
    options: ImportOptions,
    mapping: Mapping[str, str | None] | None = None,
    *,
    dialect: Dialect | None = None,
) -> Plan:
    """The plan for a file of `total_size` bytes that begins with `sample` (give `SAMPLE_BYTES` of it).

    `dialect`: the one by which the profile was found, where it was.

    Raises `Invalid`: the codes of `detect` and `map_columns`, and `no_rows` for a file with a header only.
    """
    expected = expected_headers(profile) | frozenset(mapping or {})
    required = [c.name for c in profile.required]
    dialect = dialect or detect(sample, total_size, options, expected, required)
    columns = map_columns(dialect.header, profile, mapping)
    cells = _sample_cells(sample[:SAMPLE_BYTES], total_size, dialect)
    if cells is None:
        raise Invalid("The file has a header and no rows. Upload a file with at least one row.", code="no_rows")
    fit = ProfileFit(profile.name, score_of(columns, profile))
    nulls = tuple(text.lower() for text in (profile.nulls if options.nulls is None else options.nulls))
    plan = Plan(dialect, columns, {}, profile=fit, nulls=nulls, corrects=_corrected(columns, cells))
    return _with_readings(plan, profile, options, tuple(without_nulls(column, nulls) for column in cells))


def _corrected(columns: ColumnMapping, cells: Sequence[pa.Array]) -> UUID | None:
    """The import that the first row names, in a file of rejects."""
    at = next((match.position for match in columns.matches if match.source == IMPORT), None)
    if at is None or not cells or not len(cells[at]):
        return None
    try:
        return UUID(cells[at][0].as_py() or "")
    except ValueError:
        return None


def _sample_cells(sample: bytes, total_size: int, dialect: Dialect) -> tuple[pa.Array, ...] | None:
    """The sample's good rows by columns (none when all are bad); None when the file ends with its header."""
    blocks = list(read_blocks(Bytes(sample), dialect.syntax, dialect.data, block_bytes=SAMPLE_BYTES))
    if len(sample) >= total_size and not any(len(block) or block.broken for block in blocks):
        return None
    block = max(blocks, key=len, default=None)
    if block is None or not len(block):
        return ()
    if block.next.byte_offset >= len(sample) < total_size and len(block) > 1:
        block = replace(
            block,
            starts=block.starts[:-1],
            ends=block.ends[:-1],
            lines=block.lines[:-1],
            odd=block.odd[block.odd < len(block) - 1],
        )
    return parse(block, dialect.syntax, len(dialect.header)).columns


def _with_readings(plan: Plan, profile: Profile, options: ImportOptions, cells: tuple[pa.Array, ...]) -> Plan:
    brought = [(c, cells[at[0]]) for c in profile.columns if cells and (at := plan.mapping.sources_of(c.name))]
    marks = _marks([(c, text) for c, text in brought if c.type in NUMERIC], options)
    orders = {c.name: _order(text, options) for c, text in brought if c.type is ColumnType.TIMESTAMP}
    readings = {
        name: Reading(
            marks[name][0] if name in marks else Mark.POINT, orders[name][0] if name in orders else Order.UNKNOWN
        )
        for name in (*marks, *orders)
    }
    warnings = tuple(_warnings(marks, orders))
    return replace(plan, readings=readings, warnings=warnings)


def _marks(columns: list[tuple[Column, pa.Array]], options: ImportOptions) -> dict[str, tuple[Mark, int]]:
    """Each numeric column's mark (its own evidence, else the file's, else the point) and how many cells it settles."""
    found = {c.name: numbers.evidence(text) for c, text in columns}
    if options.decimal:
        return {name: (Mark(options.decimal), 0) for name in found}
    whole_file = _mark_of(*np.sum([e[:2] for e in found.values()], axis=0).tolist()) if found else None
    return {
        name: (own, 0) if (own := _mark_of(*seen[:2])) else (whole_file or Mark.POINT, 0 if whole_file else seen[2])
        for name, seen in found.items()
    }


def _mark_of(points: int, commas: int) -> Mark | None:
    if points and commas:
        return Mark.BOTH
    if points or commas:
        return Mark.POINT if points else Mark.COMMA
    return None


def _order(text: pa.Array, options: ImportOptions) -> tuple[Order, int]:
    """A column's order, and how many dates of the sample it was only assumed for."""
    found = timestamps.evidence(text)
    if options.date_order:
        return Order(options.date_order), 0
    order = timestamps.order_of(found)
    return order, found[Order.UNKNOWN] if order in {Order.UNKNOWN, Order.BOTH} else 0


def _warnings(marks: Mapping[str, tuple[Mark, int]], orders: Mapping[str, tuple[Order, int]]) -> Iterator[Problem]:
    for name, (mark, assumed) in marks.items():
        if mark is Mark.BOTH:
            yield Problem(
                name, "mixed_numbers", f"{name}: decimals are written with a point and with a comma. {SAY_MARK}"
            )
        elif assumed:
            yield Problem(name, "assumed_decimal_mark", f"{name}: a point was taken for the decimal mark. {SAY_MARK}")
    for name, (order, assumed) in orders.items():
        if order is Order.BOTH:
            yield Problem(name, "mixed_dates", f"{name}: dates are written day first and month first. {SAY_ORDER}")
        elif assumed:
            yield Problem(
                name,
                "assumed_date_order",
                f"{name}: dates such as 01/02/2025 were read month first, with dots day first. {SAY_ORDER}",
            )


SAY_MARK: Final = "Numbers such as 1,234 are uncertain: say options.decimal."
SAY_ORDER: Final = "Dates such as 01/02/2025 are uncertain: say options.date_order."
