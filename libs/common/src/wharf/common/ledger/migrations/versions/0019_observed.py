"""What operators see: parts are no dead letters, and a schedule that is switched off owes nobody a success."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0019"
down_revision = "0018"

# Each by itself, and not in a transaction. It waits for all that are older than itself, and holds up none of them.
INDEX = (
    "SET lock_timeout = 0",
    "SET statement_timeout = 0",
    # A build that was broken off leaves one that is no use.
    "DROP INDEX CONCURRENTLY IF EXISTS wharf.ix_jobs_dead_letters",
    """CREATE INDEX CONCURRENTLY ix_jobs_dead_letters ON wharf.jobs (queue)
       WHERE status = 'failed' AND discarded_at IS NULL AND part IS NULL""",
    "SET lock_timeout = '5s'",
    "SET statement_timeout = '300s'",
)


def upgrade() -> None:
    """Older services do not notice: the index that they use stays until no version asks for it (decision 0006)."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0019_observed.sql").read_text("utf-8"))
    with op.get_context().autocommit_block():
        for step in INDEX:
            op.execute(step)
