"""Servers that somebody else runs: the login has CREATEROLE and owns the database, and nobody may bypass row security.

Amazon RDS and Cloud SQL give such a login, Azure before PostgreSQL 16.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.servers import send_no_canaries, servers
from wharf.common.ledger.migration import migrate
from wharf.ingest_worker.writing import LEAST_BYTES
from wharf.local.address import as_role
from wharf.local.credentials import Credentials
from wharf.local.ledger import WharfLedger
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial, eventually

LOGIN = "hosted"
HEADER = "transaction_id,date,quantity,unit_price,notes\n"
ROW_BYTES = 200
ROWS = 2 * LEAST_BYTES // ROW_BYTES
STAGED = "SELECT count(*) FROM pg_class WHERE relname LIKE %s"


class HostedLedger(WharfLedger):
    """Migrates as such a login; the superuser only makes it."""

    def __init__(self) -> None:
        self.password = secrets.token_hex(16)

    def prepare(self, owner_url: str, credentials: Credentials) -> None:
        """As the provider would, then as the customer."""
        with psycopg.connect(owner_url, autocommit=True) as provider:
            password = sql.Literal(self.password)
            provider.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}").format(sql.Identifier(LOGIN), password)
            )
            database = sql.Identifier(provider.info.dbname)
            provider.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, sql.Identifier(LOGIN)))
        super().prepare(as_role(owner_url, LOGIN, self.password), credentials)


@pytest.fixture(scope="module")
def ledger() -> HostedLedger:
    """What migrates."""
    return HostedLedger()


@pytest.fixture(scope="module")
def hosted(ledger: HostedLedger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A stack on such a server."""
    folder = tmp_path_factory.mktemp("hosted")
    with servers() as given, LocalStack(folder, port=0, discard=True, ledger=ledger, **given) as running:
        send_no_canaries(running.connection.database_url)
        headers = {"Authorization": f"Bearer {running.connection.api_key}"}
        with httpx.Client(base_url=running.connection.url, headers=headers, timeout=30) as api:
            yield Trial(running, api)


def write(path: Path, rows: int, *, bad: int = 0, price: str = "1.25") -> Path:
    """Transactions, the last ones of them without a date."""
    note = "x" * (ROW_BYTES - 40)
    dates = ["2025-03-14"] * (rows - bad) + ["never"] * bad
    lines = (f"T{n:08d},{date},2,{price},{note}\n" for n, date in enumerate(dates))
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


def load(hosted: Trial, path: Path, project: str, **options: Any) -> dict[str, Any]:
    """The result of an import."""
    job = hosted.load(path, project_id=project, profile="transactions", **options)
    assert job["status"] == "completed", job["error"]
    return {"job_id": job["job_id"], **job["result"]}


@pytest.mark.parametrize("rows", [200, ROWS], ids=["staged", "straight into the dataset"])
def test_files_are_loaded(hosted: Trial, tmp_path: Path, project: str, rows: int) -> None:
    """Rows, rejects, an update and its undo; and no table is left of it."""
    first = load(hosted, write(tmp_path / "first.csv", rows, bad=3), project)
    assert (first["inserted"], first["rejected"]) == (rows - 3, 3)
    events = {line["event"] for line in hosted.api.get(f"/api/v1/jobs/{first['job_id']}/logs").json()["items"]}
    assert "import.staged" not in events
    second = load(hosted, write(tmp_path / "second.csv", rows, price="2.50"), project)
    assert (second["inserted"], second["updated"]) == (3, rows - 3)
    undo = hosted.api.post(f"/api/v1/jobs/{second['job_id']}/undo").raise_for_status().json()
    assert hosted.ended(undo["job_id"])["status"] == "completed"
    counted = f"SELECT count(*) || ' of ' || min(unit_price) FROM {hosted.dataset()} WHERE project_id = %s"
    assert hosted.one(counted, project) == f"{rows - 3} of 1.25"
    assert hosted.one(STAGED, "%staging%") == 0


def test_row_security_is_as_strict_as_elsewhere(hosted: Trial, tmp_path: Path, project: str) -> None:
    """Nobody bypasses it; rows come in by the door, but nobody can look through it."""
    load(hosted, write(tmp_path / "some.csv", 20), project)
    assert hosted.one("SELECT count(*) FROM pg_roles WHERE rolbypassrls AND rolname LIKE 'wharf\\_%%'") == 0
    door = hosted.dataset().replace('."', '."_in_')
    for role in ("wharf_app", "wharf_dispatch", "wharf_loader", "wharf_backup", "wharf_owner"):
        with psycopg.connect(hosted.connection.database_url) as connection:
            connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(role)))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {door}".encode())
    with psycopg.connect(hosted.connection.database_url) as connection:
        connection.execute("SET SESSION AUTHORIZATION wharf_loader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO wharf._in_rejects (tenant_id) VALUES (gen_random_uuid())")
    with psycopg.connect(hosted.connection.database_url) as connection:
        connection.execute("SET SESSION AUTHORIZATION wharf_app")
        assert connection.execute(f"SELECT count(*) FROM {hosted.dataset()}".encode()).fetchone() == (0,)


def test_a_dataset_gets_more_columns(hosted: Trial, tmp_path: Path, project: str) -> None:
    """A column that its profile declares later is one of the table and of its door."""
    name = "hosted_things"
    columns = [{"name": "code", "type": "text", "required": True}, {"name": "size", "type": "integer"}]
    for known in (1, 2):
        declared = {"title": "Things", "key": ["code"], "columns": columns[:known]}
        hosted.api.put(f"/api/v1/profiles/{name}", json={"name": name} | declared).raise_for_status()
        path = tmp_path / f"{known}.csv"
        path.write_text(f"code,size\nA{known},{known}\n", encoding="utf-8")
        job = hosted.load(path, project_id=project, profile=name)
        assert (job["status"], job["result"] and job["result"]["inserted"]) == ("completed", 1), job["error"]
    found = hosted.ask(f"SELECT code, size FROM {hosted.dataset(name)} WHERE project_id = %s ORDER BY code", project)
    assert [tuple(row.values()) for row in found] == [("A1", None), ("A2", 2)]


def test_migrating_again_changes_nothing(hosted: Trial, ledger: HostedLedger) -> None:
    """As `wharf migrate` does at each upgrade, with the same login."""
    url = as_role(hosted.connection.database_url, LOGIN, ledger.password)
    credentials = Credentials.keep(hosted.stack.folder.secrets, ledger.new_key)
    doors = hosted.one(STAGED, "\\_in\\_%")
    migrate(url, app_password=credentials.app_password, dispatch_password=credentials.dispatch_password)
    assert hosted.one(STAGED, "\\_in\\_%") == doors > 0


def test_a_backup_says_why_it_cannot_be_made(hosted: Trial) -> None:
    """A dump would leave out rows that it does not see; the provider has snapshots."""
    headers = {"X-API-Key": hosted.connection.platform_key}
    with httpx.Client(base_url=hosted.connection.url, headers=headers, timeout=30) as platform:
        made = platform.post("/api/v1/backups").raise_for_status().json()

        def failed() -> dict[str, Any] | None:
            job = platform.get(f"/api/v1/jobs/{made['job_id']}").raise_for_status().json()
            return job if job["status"] == "failed" else None

        assert eventually(failed, "the backup's end")["error"]["code"] == "backups_need_bypassrls"
