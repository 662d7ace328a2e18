"""Webhooks, and what is to be delivered to them."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Older services do not notice: a trigger writes what their jobs' ends deliver."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0011_webhooks.sql").read_text("utf-8"))
