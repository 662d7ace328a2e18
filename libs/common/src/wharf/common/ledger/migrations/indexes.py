"""Indexes of tables that work writes to: built beside it, by themselves, before a migration's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alembic import op

from wharf.common.ledger.migrations.limits import LIMITS

WITHOUT_LIMITS = ("SET lock_timeout = 0", "SET statement_timeout = 0")


def build_beside(indexes: Mapping[str, str]) -> None:
    """Build those of the schema `wharf`: by name, the table with all that follows it.

    First in a migration: it commits what came before, and is run again with it. Each waits for all transactions
    that are older than itself, and holds up none of them.
    """
    with op.get_context().autocommit_block():
        for step in (*WITHOUT_LIMITS, *_steps(indexes), *LIMITS):
            op.execute(step)


def _steps(indexes: Mapping[str, str]) -> Iterator[str]:
    for name, on in indexes.items():
        # A build that was broken off leaves one that is no use.
        yield f"DROP INDEX CONCURRENTLY IF EXISTS wharf.{name}"
        yield f"CREATE INDEX CONCURRENTLY {name} ON wharf.{on}"
