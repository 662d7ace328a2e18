"""Parts of an earlier division of a file end nothing of a later one."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Older services do not notice: they make no parts."""
    run_sql("0016_divisions.sql")
