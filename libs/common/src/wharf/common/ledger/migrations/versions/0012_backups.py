"""The role of backups, and what alerts about them need."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Older services do not notice: rights of a new role, and a function."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0012_backups.sql").read_text("utf-8"))
