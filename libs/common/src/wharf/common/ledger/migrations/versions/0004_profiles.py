"""Profiles of the tenants' own, mappings that are used again, and datasets that grow with their profiles."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Older workers do not notice: tables are added, and the function for datasets does more with the same names."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0004_profiles.sql").read_text("utf-8"))
