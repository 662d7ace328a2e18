"""What alerts about backups need, as the ledger knows it: a scheduler that was started again tells the same."""

from __future__ import annotations

from sqlalchemy import text

from wharf.common.ledger.database import Database
from wharf.common.metrics import BACKUP_BYTES, BACKUP_SECONDS, BACKUP_SUCCESS, BACKUP_VERIFIED

FIGURES = text("SELECT action, finished_at, bytes, seconds FROM wharf.backup_figures()")


def measure(database: Database) -> None:
    """Say when the newest backup was made and verified, how large it is and how long it took."""
    with database.anyone() as connection:
        rows = {row.action: row for row in connection.execute(FIGURES)}
    if made := rows.get("make"):
        BACKUP_SUCCESS.set(made.finished_at.timestamp())
        BACKUP_BYTES.set(made.bytes)
        BACKUP_SECONDS.set(made.seconds)
    if verified := rows.get("verify"):
        BACKUP_VERIFIED.set(verified.finished_at.timestamp())
