"""Jobs of a paused queue wait in the ledger: a message that is refused before it is marked would be missed for 12 s."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Older services do not notice: they ask the same functions."""
    run_sql("0025_paused.sql")
