"""The console: sessions of people, and what was changed by whom."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0021"
down_revision = "0016"


def upgrade() -> None:
    """Older services do not notice: they make no sessions, and what they change is not noted.

    The indexes come first, each by itself: nobody waits for them. Should one fail, the migration is run again.
    """
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    with op.get_context().autocommit_block():
        for step in (folder / "0021_ahead.sql").read_text("utf-8").split("-- next\n"):
            op.get_bind().connection.cursor().execute(step)
    op.get_bind().connection.cursor().execute((folder / "0021_console.sql").read_text("utf-8"))
