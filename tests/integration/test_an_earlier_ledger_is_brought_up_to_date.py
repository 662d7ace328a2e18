from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine, text

from wharf.common.ledger import compatibility, migration
from wharf.common.ledger.database import driver_url
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial

TENANT = "INSERT INTO wharf.tenants (id, name, schema_name) VALUES (:id, 'old', 't_old')"
JOB = """
    INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, published_at)
    VALUES (gen_random_uuid(), :tenant, 'default', 'echo', 'maintenance', 1, :status, :published)"""


@pytest.fixture
def old_ledger(wharf: Trial) -> Iterator[str]:
    """A database with the first version's tables, a tenant and a job in each state."""
    name = f"old_{uuid4().hex[:12]}"
    server = wharf.connection.database_url
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    url = f"{server.rsplit('/', 1)[0]}/{name}"
    engine = create_engine(driver_url(url))
    with engine.connect() as connection:
        migration._prepare(connection, {})
        connection.exec_driver_sql("SET ROLE wharf_owner")
        config = migration._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        tenant = uuid4()
        connection.execute(text(TENANT), {"id": tenant})
        for status, published in [("queued", None), ("queued", "now"), ("running", "now"), ("completed", "now")]:
            connection.execute(text(JOB), {"tenant": tenant, "status": status, "published": published})
        connection.commit()
    engine.dispose()
    yield url
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_jobs_under_way_keep_their_place(stack: LocalStack, old_ledger: str) -> None:
    """What was published or runs has its place in the new version; what waits or has ended has none."""
    migrated(stack, old_ledger)
    with psycopg.connect(old_ledger) as connection:
        found = connection.execute("SELECT status, published_at IS NOT NULL, admitted FROM wharf.jobs").fetchall()
    assert sorted(found) == [
        ("completed", True, False),
        ("queued", False, False),
        ("queued", True, True),
        ("running", True, True),
    ]


def test_two_that_migrate_at_once_take_turns(stack: LocalStack, old_ledger: str) -> None:
    """Neither waits for a lock in a way that an index, which is built beside the work, waits for in turn."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(migrated, [stack] * 2, [old_ledger] * 2))
    with psycopg.connect(old_ledger) as connection:
        version = connection.execute("SELECT version_num FROM wharf.alembic_version").fetchone()
        useless = connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()
    assert (version, useless) == ((compatibility.latest_revision(),), (0,))


def migrated(stack: LocalStack, url: str) -> None:
    """As `wharf migrate` does; roles belong to the whole server, so they keep the running stack's passwords."""
    kept = stack._credentials()
    migration.migrate(url, app_password=kept.app_password, dispatch_password=kept.dispatch_password)
