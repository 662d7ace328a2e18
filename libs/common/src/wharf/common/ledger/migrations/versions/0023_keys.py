"""Keys as the console shows them: when each was last used; lists of keys that are led by an index."""

from __future__ import annotations

from importlib import resources

from alembic import op

from wharf.common.ledger.migrations.indexes import build_beside

revision = "0023"
down_revision = "0022"

INDEXES = {"ix_api_keys_newest": "api_keys (tenant_id, id DESC)"}


def upgrade() -> None:
    """Older services do not notice: what is done with a key through them counts as no use."""
    build_beside(INDEXES)
    place = resources.files("wharf.common.ledger.migrations.versions") / "sql" / "0023_keys.sql"
    op.get_bind().connection.cursor().execute(place.read_text("utf-8"))
