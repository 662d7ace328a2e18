"""The kinds of job that this worker runs."""

from __future__ import annotations

from functools import partial
from typing import Any

from wharf.common.jobs.kinds import IMPORT, INSPECT
from wharf.common.runtime.implementation import Implementation
from wharf.ingest_worker.imports import clean_import, run_import
from wharf.ingest_worker.inspection import run_inspection
from wharf.ingest_worker.reading import restrain_arrow
from wharf.ingest_worker.settings import IngestSettings

# Before the pool forks: every child begins with it.
restrain_arrow()


def implementations(settings: IngestSettings) -> tuple[Implementation[Any], ...]:
    """All of them, with what the settings allow."""
    return (
        Implementation(IMPORT, partial(run_import, max_rejects=settings.max_rejects), clean_import),
        Implementation(INSPECT, run_inspection),
    )
