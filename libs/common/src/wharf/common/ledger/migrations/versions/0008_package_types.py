"""Package types of the tenants' own."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Older services do not notice: a table is added."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0008_package_types.sql").read_text("utf-8"))
