"""Jobs that the dispatcher alone rings for are known by their row, so that a resumed queue goes on at once."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Older schedulers do not notice: they leave such a job alone for as long as before."""
    run_sql("0031_rung_at_once.sql")
