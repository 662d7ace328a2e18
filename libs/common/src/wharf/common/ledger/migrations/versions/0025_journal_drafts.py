"""Journal entries that are written beside their merge are drafts until it commits."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Older services write the journal within the merge, and leave no drafts."""
    run_sql("0025_journal_drafts.sql")
