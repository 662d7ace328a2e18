"""Canaries that the installation sends through its queues; benchmarks of what projects and tenants sell."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Older services do not notice: tables, a schema, indexes, and a column with a default are added."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    cursor = op.get_bind().connection.cursor()
    for name in ("0014_canaries.sql", "0014_benchmarks.sql"):
        cursor.execute((folder / name).read_text("utf-8"))
