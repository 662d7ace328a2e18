"""The places of a queue's workers, without what each of them holds: every page of queues asks for them."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Older services do not notice: they count the leases of each worker and throw the count away."""
    place = resources.files("wharf.common.ledger.migrations.versions") / "sql" / "0024_slots.sql"
    op.get_bind().connection.cursor().execute(place.read_text("utf-8"))
