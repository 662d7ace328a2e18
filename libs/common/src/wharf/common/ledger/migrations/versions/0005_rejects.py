"""Rejects in bulk: written by COPY, their numbers in a table of their own."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    """Older workers go on with INSERT and `rejects.assigned`; older gateways do not see what newer workers assign."""
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    op.get_bind().connection.cursor().execute((folder / "0005_rejects.sql").read_text("utf-8"))
