"""Accounts are numbered in the order of their merges: the newest knows how many rows a project has."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Older services do not notice: the number is a default."""
    run_sql("0026_counted.sql")
