"""Dead letters are counted at every scrape: an index of them alone."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Older services do not notice: an index is added."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0015_dead_letters.sql").read_text("utf-8"))
