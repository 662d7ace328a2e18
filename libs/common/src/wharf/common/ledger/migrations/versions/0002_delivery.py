"""Delivery: admission, pauses, workers, idempotent submits, one statement that ends an attempt."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0002"
down_revision = "0001"

PARTS = ("tables", "functions_admission", "functions_runtime", "functions_operators")


def upgrade() -> None:
    """Change the tables, then add and replace functions; jobs that are under way keep their place."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    cursor = op.get_bind().connection.cursor()
    for part in PARTS:
        cursor.execute((folder / f"0002_{part}.sql").read_text("utf-8"))
