"""The console: sessions of people, and what was changed by whom."""

from __future__ import annotations

from wharf.common.ledger.migrations.indexes import build_beside
from wharf.common.ledger.migrations.statements import run_sql

revision = "0021"
down_revision = "0020"

INDEXES = {
    # What a list of one state shows, where it is rare. The completed ones are most: the newest of all lead to them.
    "ix_jobs_failed": "jobs (tenant_id, created_at DESC, id DESC) WHERE status = 'failed' AND part IS NULL",
    "ix_jobs_cancelled": "jobs (tenant_id, created_at DESC, id DESC) WHERE status = 'cancelled' AND part IS NULL",
    # What is not over: few among many, of all that a tenant has. Progress and checkpoints touch none of its columns.
    "ix_jobs_open": """jobs (tenant_id, status, created_at DESC, id DESC)
        WHERE status IN ('queued', 'running', 'retrying', 'cancelling') AND part IS NULL""",
    # What ended in a time: the console's charts. A row gets into it once, at its end.
    "ix_jobs_ended": "jobs (tenant_id, finished_at) WHERE finished_at IS NOT NULL",
}


def upgrade() -> None:
    """Older services do not notice: they make no sessions, and what they change is not noted."""
    build_beside(INDEXES)
    run_sql("0021_console.sql")
