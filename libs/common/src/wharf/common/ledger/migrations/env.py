"""Alembic's environment: one connection, given by `wharf.common.ledger.migration`."""

from __future__ import annotations

from alembic import context

from wharf.common.ledger.models import SCHEMA, Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
