"""The settings of the ingest worker."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wharf.common.settings import WorkerSettings


class IngestSettings(WorkerSettings):
    """Those of every worker, and what an import may take."""

    max_rejects: Annotated[int, Field(ge=1)] = 1_000_000
    """Rejected rows that one import may leave in the ledger; with more it ends, and nothing is loaded."""
