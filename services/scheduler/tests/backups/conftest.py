"""Backups of the ledger of these tests, in a storage of each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from uuid import uuid4

import pytest

from wharf.common.backups import Backup, Backups, TableCount
from wharf.common.clock import new_id
from wharf.common.jobs.kinds import BACKUP, BackupPayload
from wharf.common.runtime.context import JobContext
from wharf.common.settings import BackupStorageSettings
from wharf.scheduler.backups.connection import Guard
from wharf.scheduler.backups.dump import Dump
from wharf.scheduler.backups.pace import Check, Pace
from wharf.scheduler.backups.restore import Restore


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    """An empty storage of backups."""
    return Backups.open(BackupStorageSettings(storage_url=(tmp_path / "objects").as_uri()))


@pytest.fixture
def never() -> Check:
    """Nothing stops the work."""
    return lambda: None


@pytest.fixture
def freely(never) -> Callable[..., Pace]:
    """Work without rests."""
    return lambda check=never: Pace(check, rests=0)


@pytest.fixture
def make(backend, backups, never, freely, data) -> Callable[..., Backup]:
    """Make a backup, as the role of backups."""

    def run(
        *,
        fence: Check = never,
        check: Check = never,
        into: Backups = backups,
        guard: Guard = nullcontext,
        url: str = backend.backup_url,
    ) -> Backup:
        return Dump(url, into, "", freely(check), guard=guard).make(new_id(), 1, fence)

    return run


@pytest.fixture
def try_out(backend, backups, freely) -> Callable[[Backup], list[TableCount]]:
    """Restore a backup on trial, as the same role."""
    return lambda made: Restore(backups, "", freely()).on_trial(made, backend.backup_url, uuid4().hex)


@pytest.fixture
def data(ledger) -> Iterator[str]:
    """A tenant's table with rows, and one in which rows are staged; gives the schema."""
    tenant_id = new_id()
    ledger.ask("SELECT wharf.create_tenant(%s, %s)", tenant_id, f"b-{uuid4().hex[:12]}")
    place = f"t_{tenant_id.hex}"
    ledger.ask(f"SET ROLE wharf_owner; CREATE TABLE {place}.sales (n int PRIMARY KEY, said text, at timestamptz)")
    ledger.ask(f"CREATE UNLOGGED TABLE {place}.staging_x (n int); RESET ROLE")
    ledger.ask(f"INSERT INTO {place}.sales SELECT n, 'Zoë ' || n, now() FROM generate_series(1, 500) n")
    ledger.ask(f"INSERT INTO {place}.staging_x VALUES (1)")
    yield place
    ledger.ask(f"DROP SCHEMA {place} CASCADE")


@pytest.fixture
def has_begun(ledger) -> Callable[[], bool]:
    """Whether the backup that is made has its snapshot."""
    query = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'wharf-backup' AND backend_xmin IS NOT NULL"
    return lambda: bool(ledger.ask(query))


@pytest.fixture
def attempt(attempt, backups) -> Callable[[BackupPayload], JobContext[BackupPayload]]:
    """An attempt at a backup, or at a trial of one."""
    return lambda payload: attempt(BACKUP, payload, storage=backups.storage)


@pytest.fixture
def rows() -> Callable[[Backup], dict[tuple[str, str], int]]:
    """How many rows each table of a backup had."""
    return lambda backup: {(one.place, one.name): one.rows for one in backup.manifest.tables}
