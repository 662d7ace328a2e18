"""The places of a queue's workers, without what each of them holds: every page of queues asks for them."""

from __future__ import annotations

from wharf.common.ledger.migrations.statements import run_sql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Older services do not notice: they count the leases of each worker and throw the count away."""
    run_sql("0024_slots.sql")
