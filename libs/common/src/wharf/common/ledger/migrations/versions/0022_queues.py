"""Queues and workers as the console shows them: why one rests, how fast it goes, what a worker holds and takes."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Older services do not notice: they pause without a reason, their workers tell nothing of memory and leaving."""
    run_sql("0022_queues.sql")
