"""What operators see: parts are no dead letters, and a schedule that is switched off owes nobody a success."""

from __future__ import annotations

from importlib import resources

from alembic import op

from wharf.common.ledger.migrations.indexes import build_beside

revision = "0019"
down_revision = "0018"

INDEXES = {"ix_jobs_dead_letters": "jobs (queue) WHERE status = 'failed' AND discarded_at IS NULL AND part IS NULL"}


def upgrade() -> None:
    """Older services do not notice: the index that they use stays until no version asks for it (decision 0006)."""
    build_beside(INDEXES)
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0019_observed.sql").read_text("utf-8"))
