"""Webhooks go, and are given up, in small steps."""

from __future__ import annotations

from wharf.common.ledger.migrations.indexes import build_beside
from wharf.common.ledger.migrations.statements import run_sql

revision = "0018"
down_revision = "0017"

# Jobs end about in the order in which they come: an index of a few pages finds a week of them among years.
INDEXES = {"ix_jobs_finished": "jobs USING brin (finished_at) WITH (autosummarize = on)"}


def upgrade() -> None:
    """Older services do not notice: what is removed is hidden from them by the table's policy."""
    build_beside(INDEXES)
    run_sql("0018_webhooks.sql")
