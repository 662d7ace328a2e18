"""What is kept for a time only: log lines and attempts by month, and what may be removed of the rest."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Older services do not notice: two tables become partitioned under their names, columns are added.

    What needs time (a look at every row, indexes) comes first, each step by itself, so that nothing is locked for as
    long as all of it takes. Should a step fail, the migration is run again.
    """
    folder = resources.files("wharf.common.ledger.migrations.versions") / "sql"
    steps = (folder / "0013_ahead.sql").read_text("utf-8").split("-- next\n")
    with op.get_context().autocommit_block():
        for step in steps:
            op.get_bind().connection.cursor().execute(step)
    for name in ("0013_partitions.sql", "0013_functions.sql"):
        op.get_bind().connection.cursor().execute((folder / name).read_text("utf-8"))
