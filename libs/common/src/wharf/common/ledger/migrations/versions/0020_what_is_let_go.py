"""What is let go is let go once: objects of uploads, shares of tenants that share no more."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Older services do not notice: a right is added, functions keep their meaning, one that nobody calls goes."""
    run_sql("0020_what_is_let_go.sql")
