"""Keys as the console shows them: when each was last used; lists of keys and of changes that are led by an index."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Older services do not notice: what is done with a key through them counts as no use."""
    place = resources.files("wharf.common.ledger.migrations.versions") / "sql" / "0023_keys.sql"
    op.get_bind().connection.cursor().execute(place.read_text("utf-8"))
