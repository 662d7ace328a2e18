"""The newest account of a project is looked for by every merge."""

from __future__ import annotations

from wharf.common.ledger.migrations.indexes import build_beside

revision = "0027"
down_revision = "0026"

INDEXES = {"ix_data_updates_nth": "data_updates (tenant_id, profile, project_id, nth) WHERE nth IS NOT NULL"}


def upgrade() -> None:
    """Older services do not notice."""
    build_beside(INDEXES)
