"""Canaries: tiny jobs that the installation sends through its queues, and what became of them."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0014"
down_revision = "0009"


def upgrade() -> None:
    """Older services do not notice: a table, a schema and indexes are added."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0014_canaries.sql").read_text("utf-8"))
