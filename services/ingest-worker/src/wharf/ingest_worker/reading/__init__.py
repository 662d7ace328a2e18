"""From bytes to typed rows, without a database: dialect, plan, batches, COPY payloads."""

from __future__ import annotations

from wharf.ingest_worker.reading.batches import Batch, read_batches, row_schema
from wharf.ingest_worker.reading.copybinary import NotBinary, encode_binary
from wharf.ingest_worker.reading.copytext import encode_csv
from wharf.ingest_worker.reading.detection import Detection, detect_any, detect_profile
from wharf.ingest_worker.reading.dialect import SAMPLE_BYTES, Dialect, SkippedLine, detect
from wharf.ingest_worker.reading.draft import drafted
from wharf.ingest_worker.reading.fitness import score_of
from wharf.ingest_worker.reading.look import ColumnLook, Look, first_problems, look_at
from wharf.ingest_worker.reading.mapping import (
    ColumnMapping,
    Match,
    expected_headers,
    map_columns,
    match_columns,
    missing_columns,
    named,
)
from wharf.ingest_worker.reading.memory import release_memory, restrain_arrow
from wharf.ingest_worker.reading.plan import Plan, ProfileFit, make_plan
from wharf.ingest_worker.reading.source import Bytes, ByteSource, Cursor
from wharf.ingest_worker.reading.suggestions import suggested
from wharf.ingest_worker.reading.tail import with_ending

__all__ = [
    "SAMPLE_BYTES",
    "Batch",
    "ByteSource",
    "Bytes",
    "ColumnLook",
    "ColumnMapping",
    "Cursor",
    "Detection",
    "Dialect",
    "Look",
    "Match",
    "NotBinary",
    "Plan",
    "ProfileFit",
    "SkippedLine",
    "detect",
    "detect_any",
    "detect_profile",
    "drafted",
    "encode_binary",
    "encode_csv",
    "expected_headers",
    "first_problems",
    "look_at",
    "make_plan",
    "map_columns",
    "match_columns",
    "missing_columns",
    "named",
    "read_batches",
    "release_memory",
    "restrain_arrow",
    "row_schema",
    "score_of",
    "suggested",
    "with_ending",
]
