"""The SQL of a migration, which lies beside it."""

from __future__ import annotations

from importlib import resources

from alembic import op


def run_sql(name: str) -> None:
    """Run a file of `versions/sql` in the migration's transaction."""
    place = resources.files("wharf.common.ledger.migrations.versions") / "sql" / name
    op.get_bind().connection.cursor().execute(place.read_text("utf-8"))
