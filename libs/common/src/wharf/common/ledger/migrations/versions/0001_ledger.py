"""The ledger: tables, row-level security, grants and the functions that may cross tenants."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0001"
down_revision = None

PARTS = ("tables", "security", "functions_access", "functions_runtime", "functions_datasets")


def upgrade() -> None:
    """Create everything as the owner role, which the migrating login has taken."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    # The driver's own cursor: these files have per cent signs of PostgreSQL's format(), and no parameters.
    cursor = op.get_bind().connection.cursor()
    for part in PARTS:
        cursor.execute((folder / f"0001_{part}.sql").read_text("utf-8"))
