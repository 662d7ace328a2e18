"""Prometheus is told of backups when it asks, also of an installation that has none and of trials that failed."""

from __future__ import annotations

from wharf.common.ledger.migrations.indexes import build_beside
from wharf.common.ledger.migrations.statements import run_sql

revision = "0017"
down_revision = "0016"

# Prometheus asks for the newest backup every few seconds, however many jobs there ever were.
INDEXES = {"ix_jobs_backups": "jobs ((payload ->> 'action'), status, finished_at) WHERE kind = 'backup'"}


def upgrade() -> None:
    """Older services do not notice: an index and a function are added."""
    build_beside(INDEXES)
    run_sql("0017_backups_observed.sql")
