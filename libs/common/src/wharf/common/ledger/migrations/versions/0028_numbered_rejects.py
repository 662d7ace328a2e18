"""A rejected row comes with its number where that is known while the file is read: nothing is looked up for it then."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Older services do not notice: their workers write no numbers there, and their gateways read them there."""
    run_sql("0028_numbered_rejects.sql")
