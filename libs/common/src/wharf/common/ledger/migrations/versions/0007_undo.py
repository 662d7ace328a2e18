"""What rows were before an import changed them, so that it can be undone; dry runs that wait for their commit."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Older services do not notice: their imports keep no prior values, and are told so when one wants to undo them."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0007_undo.sql").read_text("utf-8"))
