"""What is let go is let go once: objects of uploads, shares of tenants that share no more."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Older services do not notice: a right is added, functions keep their meaning, one that nobody calls goes."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0020_what_is_let_go.sql").read_text("utf-8"))
