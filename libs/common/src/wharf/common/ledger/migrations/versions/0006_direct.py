"""Large imports of new rows go straight into the dataset, seen by nobody before they have ended."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Older workers do not notice: a policy is added to datasets, whose columns stay as they are."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0006_direct.sql").read_text("utf-8"))
