"""The kinds of job that this worker runs."""

from __future__ import annotations

from functools import partial
from typing import Any

from wharf.common.jobs.kinds import IMPORT, IMPORT_PART, INSPECT, UNDO
from wharf.common.runtime.implementation import Implementation
from wharf.ingest_worker.imports import clean_import, run_import
from wharf.ingest_worker.inspection import run_inspection
from wharf.ingest_worker.partloading import run_part
from wharf.ingest_worker.reading import restrain_arrow
from wharf.ingest_worker.settings import IngestSettings
from wharf.ingest_worker.undo import run_undo

# Before the pool forks: every child begins with it.
restrain_arrow()


def implementations(settings: IngestSettings) -> tuple[Implementation[Any], ...]:
    """All of them, with what the settings allow."""
    run = partial(run_import, max_rejects=settings.max_rejects, part_bytes=settings.part_bytes)
    return (
        Implementation(IMPORT, run, clean_import),
        Implementation(IMPORT_PART, partial(run_part, max_rejects=settings.max_rejects)),
        Implementation(INSPECT, run_inspection),
        Implementation(UNDO, run_undo),
    )
