"""Prometheus is told of backups when it asks, also of an installation that has none and of trials that failed."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Older services do not notice: an index and a function are added."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0017_backups_observed.sql").read_text("utf-8"))
