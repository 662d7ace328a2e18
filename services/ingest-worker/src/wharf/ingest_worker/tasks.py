"""The kinds of job that this worker runs."""

from __future__ import annotations

from typing import Any

from wharf.common.jobs.kinds import IMPORT, INSPECT, UNDO
from wharf.common.runtime.implementation import Implementation
from wharf.ingest_worker.imports import clean_import, run_import
from wharf.ingest_worker.inspection import run_inspection
from wharf.ingest_worker.reading import restrain_arrow
from wharf.ingest_worker.undo import run_undo

# Before the pool forks: every child begins with it.
restrain_arrow()

IMPLEMENTATIONS: tuple[Implementation[Any], ...] = (
    Implementation(IMPORT, run_import, clean_import),
    Implementation(INSPECT, run_inspection),
    Implementation(UNDO, run_undo),
)
