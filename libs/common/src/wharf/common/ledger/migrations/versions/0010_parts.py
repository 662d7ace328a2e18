"""Jobs that are done in parts, by several workers at once."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Older services do not notice: they make no parts, and no job of theirs waits for any."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0010_parts.sql").read_text("utf-8"))
