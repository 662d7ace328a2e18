"""Schedules, and what became of their occurrences."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Older services do not notice: tables are added, and a tenant that none of them lists."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0009_schedules.sql").read_text("utf-8"))
