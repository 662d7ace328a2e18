"""The dispatcher's role: the work of all tenants, and nothing of what the work is about."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from wharf.common.clock import new_id

CLOSED = ("tenant_id", "project_id", "file_name", "media_type", "size", "sha256", "storage_key", "created_at", "*")


@pytest.fixture
def ask(ledger):
    """A statement as the dispatcher."""

    def execute(statement: str):
        with ledger.dispatch.anyone() as connection:
            done = connection.execute(text(statement))
            return done.all() if done.returns_rows else done.rowcount

    return execute


@pytest.fixture
def upload(ledger, tenant):
    """An upload of some tenant."""
    upload_id = new_id()
    columns = "(id, tenant_id, project_id, file_name, media_type, size, sha256, storage_key)"
    values = "(%s, %s, 'p', 'secret.csv', 'text/csv', 3, 'ab', 'k')"
    ledger.ask(f"INSERT INTO wharf.uploads {columns} VALUES {values}", upload_id, tenant.id)
    return upload_id


def test_the_ids_of_uploads_are_seen(ask, upload):
    """Of every tenant: which objects have a row, and which of them ought to be there."""
    assert (upload, None) in ask("SELECT id, removed_at FROM wharf.uploads")


@pytest.mark.parametrize(
    "statement",
    [
        *(f"SELECT {column} FROM wharf.uploads" for column in CLOSED),
        "UPDATE wharf.uploads SET id = id",
        "DELETE FROM wharf.uploads",
        "INSERT INTO wharf.uploads (id) VALUES (gen_random_uuid())",
        "SELECT id FROM wharf.uploads FOR UPDATE",
    ],
)
def test_nothing_else_of_uploads(ask, upload, statement):
    """No other column, and no change."""
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(statement)


@pytest.mark.parametrize("column", ["payload", "result", "error", "checkpoint", "progress", "label", "project_id"])
def test_jobs_without_what_they_are_about(ask, tenant, column):
    """The columns that hold a user's words and numbers are closed."""
    tenant.submit()
    assert ask("SELECT id, status, admitted, raised FROM wharf.jobs")
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(f"SELECT {column} FROM wharf.jobs")


@pytest.mark.parametrize("column", ["payload", "name", "kind", "project_id", "cron"])
def test_schedules_without_what_they_are_about(ask, tenant, column):
    """It sees when, and asks for the rest of those whose time has come; it changes nothing else of them."""
    schedule = tenant.schedule(next_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert ask("SELECT id, next_at, enabled FROM wharf.schedules")
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(f"SELECT {column} FROM wharf.schedules")
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(f"UPDATE wharf.schedules SET {column} = '{{}}' WHERE id = '{schedule}'")


@pytest.mark.parametrize(
    "table",
    [
        "api_keys",
        "tenants",
        "rejects",
        "assigned",
        "imports",
        "data_updates",
        "job_logs",
        "idempotency",
        "workers",
        "pauses",
        "own_package_types",
    ],
)
def test_other_tables_are_closed(ask, table):
    """Neither keys nor data, nor what was answered to whom."""
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(f"SELECT 1 FROM wharf.{table}")


@pytest.mark.parametrize(
    "call",
    [
        "wharf.claim(gen_random_uuid(), 1, 'w', 1)",
        "wharf.finish(gen_random_uuid(), 1, 'complete', '{}', '{}', '{}', '{}', 0)",
        "wharf.expire_lease(gen_random_uuid(), 1, 'died')",
        "wharf.pause('ingest', gen_random_uuid())",
        "wharf.set_limits('default', '{}')",
        "wharf.clean_up('1 day')",
        "wharf.forget('answers', '1 day', 1, true)",
        "wharf.drop_partition('attempts', '90 days', true)",
        "wharf.tenants_kept()",
    ],
)
def test_what_workers_and_operators_do_is_not_its_own(ask, call):
    """It claims nothing, ends no lease by word, and switches nothing."""
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(f"SELECT {call}")


def test_gateways_and_workers_do_not_admit(ledger):
    """Places are given at a submit, by the count, or by the dispatcher."""
    with pytest.raises(ProgrammingError, match="permission denied"), ledger.app.anyone() as connection:
        connection.execute(text("SELECT wharf.admit(10)"))
