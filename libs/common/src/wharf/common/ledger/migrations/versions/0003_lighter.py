"""A lighter ledger: what every job pays for without needing it goes."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Older workers do not notice: no table or function changes its shape."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0003_lighter.sql").read_text("utf-8"))
