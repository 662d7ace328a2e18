"""Inspections are found by their upload."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Older services do not notice: an index is added, and small."""
    op.execute("CREATE INDEX jobs_inspections ON wharf.jobs ((payload ->> 'upload_id'), id) WHERE kind = 'inspect'")
