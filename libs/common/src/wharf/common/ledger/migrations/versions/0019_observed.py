"""What operators see: parts are no dead letters, and a schedule that is switched off owes nobody a success."""

from __future__ import annotations

from wharf.common.ledger.migrations.indexes import build_beside
from wharf.common.ledger.migrations.statements import run_sql

revision = "0019"
down_revision = "0018"

INDEXES = {"ix_jobs_dead_letters": "jobs (queue) WHERE status = 'failed' AND discarded_at IS NULL AND part IS NULL"}


def upgrade() -> None:
    """Older services do not notice: the index that they use stays until no version asks for it (decision 0006)."""
    build_beside(INDEXES)
    run_sql("0019_observed.sql")
