"""The settings of the ingest worker."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wharf.common.settings import WorkerSettings


class IngestSettings(WorkerSettings):
    """Those of every worker, and what an import may take."""

    part_bytes: Annotated[int, Field(ge=2**20)] = 128 * 2**20
    """A file of at least twice this size is read in parts of about this size, by several workers at once."""
    max_rejects: Annotated[int, Field(ge=1)] = 1_000_000
    """Rejected rows that one import may leave in the ledger; with more it ends, and nothing is loaded."""
