"""What was merged into a dataset, newest first, over all its projects: as the page of its history shows it."""

from __future__ import annotations

from wharf.common.ledger.migrations.indexes import build_beside

revision = "0032"
down_revision = "0031"

INDEXES = {"ix_data_updates_of_dataset": "data_updates (tenant_id, profile, at DESC, id DESC)"}


def upgrade() -> None:
    """Older services do not notice."""
    build_beside(INDEXES)
