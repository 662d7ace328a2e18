"""The file, batch by batch: typed rows that are ready to load, and the rows that are not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.common.corrections import GUARDED
from wharf.ingest_worker.reading import findings
from wharf.ingest_worker.reading.cells import trimmed, without_nulls
from wharf.ingest_worker.reading.checks import reasons_of, rejecting
from wharf.ingest_worker.reading.columns import ARROW_TYPES, absent, convert, nul_mask
from wharf.ingest_worker.reading.jsontext import json_lists, json_object, json_strings
from wharf.ingest_worker.reading.parsing import parse
from wharf.ingest_worker.reading.places import NO_PLACES, all_places, places_of_records, places_of_rows
from wharf.ingest_worker.reading.reasons import NUMBER
from wharf.ingest_worker.reading.records import BLOCK_BYTES, MAX_RECORD_BYTES, read_blocks
from wharf.ingest_worker.reading.rejects import (
    ColumnFaults,
    broken_line,
    in_order,
    rejected_records,
    rejected_rows,
)
from wharf.ingest_worker.reading.source import Beginning
from wharf.ingest_worker.reading.surplus import SURPLUS, keep_surplus
from wharf.ingest_worker.reading.truncation import cut_off

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from wharf.common.profiles import Column, Profile
    from wharf.ingest_worker.reading.cells import Converted
    from wharf.ingest_worker.reading.findings import Finding
    from wharf.ingest_worker.reading.parsing import Cells
    from wharf.ingest_worker.reading.plan import Plan
    from wharf.ingest_worker.reading.records import Block
    from wharf.ingest_worker.reading.source import ByteSource, Cursor
    from wharf.ingest_worker.reading.splitter import Positions

PROPERTIES: Final = "properties"
LINE: Final = "_line"


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of one block of the file."""

    rows: pa.Table
    """See `row_schema`; in the file's order."""
    rejects: pa.Table
    """See `rejects.SCHEMA`; in the file's order."""
    places: pa.Table
    """Of the rejects that count among their group's rows; see `places_of_rows`."""
    records: int
    """Rows and rejects together."""
    skipped: int
    """Blank lines."""
    cursor: Cursor
    """Where the next batch begins."""
    period: tuple[datetime, datetime] | None
    """The first and the last moment among the rows, in the profile's period column."""
    mended: tuple[int, ...] = ()
    """The lines of rows with a stray quote, which was read as a part of its cell."""
    comments: tuple[tuple[int, str], ...] = ()
    """Lines that are comments: their number and text."""
    findings: tuple[Finding, ...] = ()
    """What is wrong with rejects, and what good rows are warned of."""


def row_schema(profile: Profile) -> pa.Schema:
    """The profile's columns in its order, then `properties` (a JSON object or null) and `_line`."""
    columns = [(c.name, ARROW_TYPES[c.type]) for c in profile.columns]
    return pa.schema([*columns, (PROPERTIES, pa.string()), (LINE, pa.int64())])


def read_batches(
    source: ByteSource,
    plan: Plan,
    profile: Profile,
    cursor: Cursor | None = None,
    *,
    block_bytes: int = BLOCK_BYTES,
    max_record: int = MAX_RECORD_BYTES,
) -> Iterator[Batch]:
    """The file's batches from a cursor (default: the first record after the header) to its end.

    Reading again from any batch's cursor gives exactly the rest. A block and its columns are the only
    things held, so memory is the same for every size of file.
    """
    start = cursor or plan.dialect.data
    source = source if plan.dialect.end is None else Beginning(source, plan.dialect.end)
    for block in read_blocks(source, plan.dialect.syntax, start, block_bytes=block_bytes, max_record=max_record):
        if not block.broken:
            yield _batch(block, plan, profile)
        elif (end := cut_off(block, source, plan.dialect.syntax, len(plan.headers))) is not None:
            yield _broken_batch(end, plan, profile)
            return
        else:
            yield _broken_batch(block, plan, profile)


def _broken_batch(block: Block, plan: Plan, profile: Profile) -> Batch:
    rows = row_schema(profile).empty_table()
    rejects = broken_line(block, plan.dialect.syntax)
    return Batch(rows, rejects, NO_PLACES, 1, 0, block.next, None, findings=tuple(findings.of_broken(block)))


def _batch(block: Block, plan: Plan, profile: Profile) -> Batch:
    found = parse(block, plan.dialect.syntax, len(plan.headers))
    if plan.mapping.is_correction:
        found = replace(found, columns=tuple(_unguarded(column) for column in found.columns))
    if plan.nulls:
        found = replace(found, columns=tuple(without_nulls(column, plan.nulls) for column in found.columns))
    if profile.surplus_cells == "keep":
        found = keep_surplus(found, block, plan.dialect.syntax, len(plan.headers))
    has_nul = plan.dialect.syntax.unit > 1 or b"\0" in block.data
    columns = _columns(found, plan, profile, has_nul=has_nul)
    faults = _faults(found, plan, profile, columns, has_nul=has_nul and profile.keep_unknown)
    bad = np.logical_or.reduce([f.faults != 0 for f in faults]) if faults else np.zeros(found.records.size, np.bool_)
    rows = _rows(block, found, plan, profile, columns)
    wrong = findings.of_cells(faults, block.lines[found.records])
    at = np.flatnonzero(bad)
    if at.size:
        rows = rows.filter(pa.array(~bad))
    return Batch(
        rows, _rejects(block, found, plan, faults, at), _places(block, found, plan, profile, at), len(block),
        block.skipped, block.next, _period(rows, profile), tuple(block.lines[found.mended].tolist()), block.comments,
        (*findings.of_records(block, found), *wrong, *findings.of_warnings(rows, profile, LINE)),
    )  # fmt: skip


def _unguarded(cells: pa.Array) -> pa.Array:
    """Without the apostrophe before what looks like a formula."""
    return pc.replace_substring_regex(cells, GUARDED, r"\1")


def _columns(found: Cells, plan: Plan, profile: Profile, *, has_nul: bool) -> dict[str, Converted]:
    columns = {}
    for column in profile.columns:
        sources = [found.columns[i] for i in plan.mapping.sources_of(column.name)]
        reading = plan.reading(column.name)
        columns[column.name] = (
            rejecting(column, convert(column, sources, reading.mark, reading.order, has_nul=has_nul))
            if sources
            else absent(column, found.records.size)
        )
    return columns


def _faults(
    found: Cells, plan: Plan, profile: Profile, columns: dict[str, Converted], *, has_nul: bool
) -> list[ColumnFaults]:
    """Every column that has a faulty cell."""
    faults = [
        ColumnFaults(column.name, own, found.columns[plan.mapping.sources_of(column.name)[0]], reasons_of(column))
        for column in profile.columns
        if (own := columns[column.name].faults) is not None and own.any()
    ]
    if has_nul:
        faults += [
            f
            for m in plan.mapping.matches
            if m.target is None
            if (f := _nul_faults(m.source, found.columns[m.position]))
        ]
    return faults


def _nul_faults(header: str, cells: pa.Array) -> ColumnFaults | None:
    """A NUL can no more be kept in `properties` than in a column."""
    where = nul_mask(cells)
    return ColumnFaults(header, where.astype(np.int8) * NUMBER["nul_byte"], cells) if where.any() else None


def _rows(block: Block, found: Cells, plan: Plan, profile: Profile, columns: dict[str, Converted]) -> pa.Table:
    values = [columns[c.name].values for c in profile.columns]
    lines = pa.array(block.lines[found.records], pa.int64())
    return pa.table([*values, _properties(found, plan, profile), lines], schema=row_schema(profile))


def _properties(found: Cells, plan: Plan, profile: Profile) -> pa.Array:
    """The columns that the profile does not know, as one JSON object a row; null where all are empty."""
    unknown = plan.mapping.unknown if profile.keep_unknown else ()
    fields = [] if found.surplus is None else [(SURPLUS, found.surplus)]
    if not unknown and not fields:
        return pa.nulls(found.records.size, pa.string())
    for header, places in unknown:
        cells = [trimmed(found.columns[i]) for i in places]
        fields.append((header, json_strings(cells[0]) if len(cells) == 1 else json_lists(cells)))
    return json_object(fields)


def _rejects(block: Block, found: Cells, plan: Plan, faults: list[ColumnFaults], at: Positions) -> pa.Table:
    """The records that are no rows, and the rows `at` which a cell is faulty."""
    syntax = plan.dialect.syntax
    rejects = [rejected_records(block, syntax, found)]
    if at.size:
        chosen = [replace(f, faults=f.faults[at], text=f.text.take(pa.array(at))) for f in faults]
        rejects.append(rejected_rows(block, syntax, found.records[at], chosen))
    return in_order(rejects)


def _places(block: Block, found: Cells, plan: Plan, profile: Profile, at: Positions) -> pa.Table:
    """Of the same records and rows: rejected ones count among their group's."""
    groups = _groups(plan, profile)
    cells = {name: trimmed(found.columns[i].take(pa.array(at))) for name, i in groups.items()} if at.size else {}
    places = all_places([
        places_of_records(block, plan.dialect.syntax, found.faulty, groups),
        places_of_rows(block, found.records[at], cells),
    ])  # fmt: skip
    return _typed(places, plan, [profile.column(name) for name in groups]) if places.num_rows else places


def _typed(places: pa.Table, plan: Plan, groups: list[Column]) -> pa.Table:
    """With the groups in their columns' types, as good rows have them; without those whose cells are of none."""
    for column in groups:
        reading, at = plan.reading(column.name), places.column_names.index(column.name)
        cells = places.column(at).combine_chunks()
        found = convert(column, [cells], reading.mark, reading.order, has_nul=False)
        places = places.set_column(at, column.name, found.values)
        if found.faults is not None:
            places = places.filter(pa.array(found.faults == 0))
    return places


def _groups(plan: Plan, profile: Profile) -> dict[str, int]:
    """The columns by which rows are numbered, with their places in the file; none where it has not all of them."""
    names = sorted({name for column in profile.columns for name in column.number_within})
    found = {name: places[0] for name in names if (places := plan.mapping.sources_of(name))}
    return found if len(found) == len(names) else {}


def _period(rows: pa.Table, profile: Profile) -> tuple[datetime, datetime] | None:
    if profile.period_column is None:
        return None
    found: Any = pc.min_max(rows.column(profile.period_column)).as_py()
    return None if found["min"] is None else (found["min"], found["max"])
