"""Keys as the console shows them: when each was last used; lists of keys and of changes that are led by an index."""

from __future__ import annotations

from importlib import resources

from alembic import op

from wharf.common.ledger.migrations.indexes import build_beside

revision = "0023"
down_revision = "0022"

INDEXES = {
    "ix_api_keys_newest": "api_keys (tenant_id, id DESC)",
    # What one key did, what was done to one kind of thing or to one thing, among all that was done.
    "ix_audit_who": "audit (tenant_id, who, id DESC)",
    "ix_audit_noun": "audit (tenant_id, split_part(what, '.', 1), id DESC)",
    "ix_audit_target": "audit (tenant_id, target, id DESC)",
}


def upgrade() -> None:
    """Older services do not notice: what is done with a key through them counts as no use."""
    build_beside(INDEXES)
    place = resources.files("wharf.common.ledger.migrations.versions") / "sql" / "0023_keys.sql"
    op.get_bind().connection.cursor().execute(place.read_text("utf-8"))
