"""Queues and workers as the console shows them: why one rests, how fast it goes, what a worker holds and takes."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Older services do not notice: they pause without a reason, their workers tell nothing of memory and leaving."""
    place = resources.files("wharf.common.ledger.migrations.versions") / "sql" / "0022_queues.sql"
    op.get_bind().connection.cursor().execute(place.read_text("utf-8"))
