"""A lease is its holder's: an attempt is known by its number and by who took it. Ends are asked less."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Older workers do not say who they are, and are believed by the number as before."""
    run_sql("0033_holders.sql")
