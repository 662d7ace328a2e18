"""Pages of a keyed dataset are filled to the half, so that a changed row has room beside the one that it was."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Older services do not notice. Rows that are there stay where they are, and lie densely until they are changed."""
    run_sql("0034_room_for_changes.sql")
