"""Servers on which no role may bypass row security (Amazon RDS, Cloud SQL): rows come in by a table before each."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Older services do not notice: on a server that they could use no such table is made."""
    run_sql("0030_doors.sql")
