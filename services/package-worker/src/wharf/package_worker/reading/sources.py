"""Where a section's rows come from: the table of a dataset, or a query over what the ledger tells."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from wharf.common.packages import KnownDatasets, Shape
from wharf.common.profiles import ColumnType

IMPORTS = """(SELECT *, import_id AS _import_id FROM wharf.data_updates)"""
REJECTS = """(
    SELECT i.project_id, i.profile, i.merged_at AS at, r.line, r.byte_offset, left(r.raw, 2000) AS raw,
           e ->> 'column' AS column_name, e ->> 'code' AS code, e ->> 'message' AS message, u.file_name, r.import_id
    FROM wharf.rejects r
    JOIN wharf.imports i ON i.id = r.import_id
    JOIN wharf.uploads u ON u.id = i.upload_id
    CROSS JOIN LATERAL jsonb_array_elements(r.errors) e)"""
# Not the parts of a job: who sent a file is told of one job.
JOBS = """(
    SELECT id, project_id, kind, queue, status, failures, deaths, finished_at AS at,
           extract(epoch FROM started_at - created_at)::numeric AS wait_seconds,
           extract(epoch FROM finished_at - started_at)::numeric AS run_seconds
    FROM wharf.jobs WHERE finished_at IS NOT NULL AND part IS NULL)"""
BENCHMARKS = """(SELECT * FROM wharf.benchmark_rows WHERE profile = 'transactions')"""
LEDGER = {
    "imports": sql.SQL(IMPORTS),
    "rejects": sql.SQL(REJECTS),
    "finished_jobs": sql.SQL(JOBS),
    "benchmarks": sql.SQL(BENCHMARKS),
}


@dataclass(frozen=True, slots=True)
class Source:
    """A relation with a `project_id`, and the shape of its rows."""

    shape: Shape
    relation: sql.Composable | None
    """None as long as nothing was loaded."""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes the order of its rows total."""
        return self.shape.key

    def type_of(self, column: str) -> ColumnType:
        """The type of a column. Raises `Invalid` (`unknown_column`), which names the near ones."""
        return self.shape.type_of(column)


def source_of(datasets: KnownDatasets, name: str) -> Source:
    """The source of that name. Raises `Invalid` (`unknown_dataset`) where nothing is called so."""
    shape = datasets.named(name)
    if name in LEDGER:
        return Source(shape, LEDGER[name])
    return Source(shape, sql.Identifier(*shape.table) if shape.table else None)
