"""Keys as the console shows them: when each was last used; lists of keys that are led by an index."""

from __future__ import annotations

from wharf.common.ledger.migrations.indexes import build_beside
from wharf.common.ledger.migrations.statements import run_sql

revision = "0023"
down_revision = "0022"

INDEXES = {"ix_api_keys_newest": "api_keys (tenant_id, id DESC)"}


def upgrade() -> None:
    """Older services do not notice: what is done with a key through them counts as no use."""
    build_beside(INDEXES)
    run_sql("0023_keys.sql")
