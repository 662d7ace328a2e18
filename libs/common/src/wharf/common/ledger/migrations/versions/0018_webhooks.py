"""Webhooks go, and are given up, in small steps."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Older services do not notice: what is removed is hidden from them by the table's policy."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0018_webhooks.sql").read_text("utf-8"))
