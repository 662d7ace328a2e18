from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from wharf.local.address import as_role
from wharf.local.samples import write_transactions
from wharf.local.trial import Trial

UNPROTECTED = """
    SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND (n.nspname = 'wharf' OR n.nspname LIKE 't\\_%%')
      AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity
           OR NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant'))"""


@pytest.fixture
def loaded(wharf: Trial, tmp_path: Path, project: str) -> Trial:
    """A stack in which the default tenant has a dataset."""
    write_transactions(tmp_path / "t.csv", 50, seed=1)
    assert wharf.load(tmp_path / "t.csv", project_id=project, profile="transactions")["status"] == "completed"
    return wharf


def as_app(wharf: Trial, role: str = "wharf_app") -> psycopg.Connection[tuple[object, ...]]:
    """A connection with a service's rights, but made by the superuser, who needs no password of it."""
    connection = psycopg.connect(wharf.connection.database_url)
    connection.execute(f"SET SESSION AUTHORIZATION {role}".encode())
    return connection


def test_every_table_with_rows_of_tenants_has_a_forced_policy(loaded: Trial) -> None:
    """Ledger and datasets are walked in the catalogue; what belongs to no tenant is listed here."""
    of_no_tenant = ["wharf.alembic_version", "wharf.benchmark_pool", "wharf.workers"]
    assert sorted(row["name"] for row in loaded.ask(UNPROTECTED)) == of_no_tenant


def test_without_a_tenant_the_app_sees_nothing(loaded: Trial) -> None:
    """A transaction that forgot to name its tenant finds empty tables, not everybody's rows."""
    with as_app(loaded) as connection:
        for table in ("wharf.jobs", "wharf.uploads", "wharf.rejects", "wharf.assigned", loaded.dataset()):
            assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table


def test_another_tenant_sees_nothing_and_can_write_nothing(loaded: Trial) -> None:
    """With another tenant's name set, rows are invisible, and a row for the first one is refused."""
    with as_app(loaded) as connection:
        connection.execute("SELECT set_config('wharf.tenant', gen_random_uuid()::text, false)")
        assert connection.execute(f"SELECT count(*) FROM {loaded.dataset()}".encode()).fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO wharf.projects (tenant_id, slug) VALUES (%s, 'x')",
                [loaded.one("SELECT id FROM wharf.tenants WHERE name = 'default'")],
            )


@pytest.mark.parametrize("role", ["wharf_app", "wharf_dispatch", "wharf_owner", "wharf_loader", "wharf_backup"])
def test_no_role_of_the_services_owns_more_than_it_should(loaded: Trial, role: str) -> None:
    """No superuser, no role maker; only loader and backup bypass row security, and the loader cannot log in."""
    row = loaded.ask("SELECT * FROM pg_roles WHERE rolname = %s", role)[0]
    assert (row["rolsuper"], row["rolcreaterole"], row["rolcreatedb"]) == (False, False, role == "wharf_backup")
    assert row["rolbypassrls"] is (role in {"wharf_loader", "wharf_backup"})
    assert row["rolcanlogin"] is (role in {"wharf_app", "wharf_dispatch", "wharf_backup"})


def test_the_loader_may_insert_and_nothing_else(loaded: Trial) -> None:
    """It bypasses row security, so it must not be able to read, change or delete."""
    rights = loaded.ask(
        "SELECT DISTINCT privilege_type FROM information_schema.role_table_grants WHERE grantee = 'wharf_loader'"
        " UNION SELECT privilege_type FROM information_schema.role_column_grants WHERE grantee = 'wharf_loader'"
    )
    assert [row["privilege_type"] for row in rights] == ["INSERT"]


def test_the_role_of_backups_reads_all_and_changes_nothing(loaded: Trial) -> None:
    """Ledger and datasets of every tenant, those that were made a moment ago too; no right but to read."""
    rights = loaded.ask(
        "SELECT DISTINCT privilege_type FROM information_schema.role_table_grants WHERE grantee = 'wharf_backup'"
    )
    assert [row["privilege_type"] for row in rights] == ["SELECT"]
    with as_app(loaded, "wharf_backup") as connection:
        for table in ("wharf.jobs", "wharf.uploads", "wharf.alembic_version", loaded.dataset()):
            ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
            assert rows, table


def reject(**further: str) -> bytes:
    """A statement that sets a row aside."""
    values = {"import_id": f"'{uuid4()}'", "byte_offset": "1", "line": "1", "raw": "'x'", "errors": "'[]'"} | further
    return f"INSERT INTO wharf.rejects ({', '.join(values)}) VALUES ({', '.join(values.values())})".encode()


def test_the_loader_may_not_say_whose_a_reject_is(loaded: Trial) -> None:
    """It is the transaction's tenant's; without one there is none."""
    with as_app(loaded, "wharf_loader") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(reject(tenant_id="gen_random_uuid()"))
    with as_app(loaded, "wharf_loader") as connection, pytest.raises(psycopg.errors.NotNullViolation):
        connection.execute(reject())
    with as_app(loaded) as connection:
        tenant = loaded.one("SELECT id FROM wharf.tenants WHERE name = 'default'")
        connection.execute("SELECT set_config('wharf.tenant', %s, true)", [str(tenant)])
        connection.execute(b"SET LOCAL ROLE wharf_loader; %b; RESET ROLE" % reject())
        found = connection.execute("SELECT tenant_id FROM wharf.rejects WHERE raw = 'x'").fetchall()
        connection.rollback()
    assert found == [(tenant,)]


def test_the_dispatcher_sees_work_and_no_data(loaded: Trial) -> None:
    """It can list all tenants' jobs, but neither payload nor result, nor any other table."""
    with as_app(loaded, "wharf_dispatch") as connection:
        found = connection.execute("SELECT count(*) FROM wharf.jobs").fetchone()
        assert found is not None
        assert found[0]
    for column in ("payload", "result", "label"):
        with as_app(loaded, "wharf_dispatch") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT {column} FROM wharf.jobs".encode())
    with as_app(loaded, "wharf_dispatch") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM wharf.uploads")


def test_the_roles_need_their_passwords(wharf: Trial) -> None:
    """Nobody gets in by knowing a role's name."""
    url = as_role(wharf.connection.database_url, "wharf_app", "not-the-password")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)
