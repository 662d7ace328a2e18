"""Parts of an earlier division of a file end nothing of a later one."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Older services do not notice: they make no parts."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0016_divisions.sql").read_text("utf-8"))
