"""The end of an attempt is planned once: every job has one."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Older services do not notice: it is the same function."""
    run_sql("0029_planned_once.sql")
