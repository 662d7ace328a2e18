"""A backup is one moment of the whole ledger, or it is none; restored it is what it was."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from wharf.common.backups import Backup, Backups
from wharf.common.clock import new_id
from wharf.common.errors import Fenced, Permanent, Transient
from wharf.common.jobs.kinds import BACKUP, BackupPayload
from wharf.common.jobs.submission import Order, write_job
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.heartbeat import Pulse
from wharf.common.runtime.progress import Progress
from wharf.common.schedules.policies import INSTALLATION
from wharf.common.settings import BackupStorageSettings
from wharf.common.storage import Storage
from wharf.scheduler.backups.command import restore
from wharf.scheduler.backups.counts import AT_ONCE, differences
from wharf.scheduler.backups.dump import Dump, connected
from wharf.scheduler.backups.figures import measure
from wharf.scheduler.backups.job import BackupJob
from wharf.scheduler.backups.pace import Check, Pace
from wharf.scheduler.backups.restore import Restore, trial_database
from wharf.scheduler.backups.retention import Retention

TRIALS = "SELECT datname FROM pg_database WHERE datname LIKE 'wharf_verify_%%'"
Make = Callable[..., Backup]


def never() -> None:
    """Nothing stops the work."""


def freely(check: Check = never) -> Pace:
    """Without rests."""
    return Pace(check, rests=0)


@pytest.fixture
def backups(tmp_path: Path) -> Backups:
    """An empty storage of backups."""
    return Backups.open(BackupStorageSettings(storage_url=(tmp_path / "objects").as_uri()))


@pytest.fixture
def make(backend, backups, data) -> Make:
    """Make a backup, as the role of backups."""

    def run(*, fence=never, check=never, into: Backups = backups) -> Backup:
        return Dump(backend.backup_url, into, "", freely(check)).make(new_id(), 1, fence)

    return run


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


def files(backups: Backups) -> list[str]:
    """What is in the storage."""
    return [one.key for one in backups.storage.list("backups")]


def rows(backup: Backup) -> dict[tuple[str, str], int]:
    return {(one.place, one.name): one.rows for one in backup.manifest.tables}


def test_it_is_one_moment_whatever_is_written_meanwhile(backend, ledger, backups, make, data):
    """Rows that come, and staging tables that go, while it is made: restored it is what was counted at first."""
    done = []

    def write() -> None:
        if not done:
            done.append(ledger.ask(f"INSERT INTO {data}.sales VALUES (501, 'late', now())"))
            ledger.ask(f"DROP TABLE {data}.staging_x")

    made = make(check=write)
    assert rows(made)[data, "sales"] == 500
    assert (data, "staging_x") not in rows(made)
    found = Restore(backups, "", freely()).on_trial(made, backend.backup_url)
    assert {(one.place, one.name): one.rows for one in found} == rows(made)
    assert ledger.ask(TRIALS) == []
    assert made.manifest.revision == ledger.ask("SELECT version_num AS v FROM wharf.alembic_version")[0]["v"]


def test_a_table_is_counted_piece_by_piece_to_its_last_row(ledger, make, data):
    """Large tables too: the digest is that of all rows, wherever they lie."""
    ledger.ask(f"INSERT INTO {data}.sales SELECT n, repeat('x', 7000), now() FROM generate_series(1000, 3499) n")
    ledger.ask(f"ALTER TABLE {data}.sales ALTER said SET STORAGE PLAIN; UPDATE {data}.sales SET said = said || ''")
    (size,) = ledger.ask(f"SELECT pg_relation_size('{data}.sales') / 8192 AS pages")
    assert size["pages"] > AT_ONCE
    (said,) = ledger.ask(f"SELECT sum(hashtextextended(t::text, 0))::text AS digest FROM {data}.sales t")
    sales = next(one for one in make().manifest.tables if one.name == "sales")
    assert (sales.rows, sales.digest) == (3000, said["digest"])


def test_nobody_else_may_enter_a_trial(backend, ledger, backups, make):
    """Its rows are those of all tenants. Trials that somebody left behind are dropped by the next one."""
    made = make()
    ledger.ask("CREATE DATABASE wharf_verify_left OWNER wharf_backup")
    with connected(backend.backup_url) as connection, trial_database(connection, made) as name:
        assert [row["datname"] for row in ledger.ask(TRIALS)] == [name]
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(backend.app_url.rsplit("/", 1)[0] + f"/{name}")


def test_a_role_that_may_make_no_database_is_told(backend, ledger, backups, make):
    """On servers whose owner could not give the right, until somebody does."""
    made = make()
    ledger.ask("ALTER ROLE wharf_backup NOCREATEDB")
    try:
        with pytest.raises(Permanent, match="ALTER ROLE wharf_backup CREATEDB") as refused:
            Restore(backups, "", freely()).on_trial(made, backend.backup_url)
    finally:
        ledger.ask("ALTER ROLE wharf_backup CREATEDB")
    assert refused.value.error_code == "no_trial_database"


def test_bytes_that_changed_are_found_before_anything_is_restored(backend, backups, make, ledger):
    """One byte is enough; the archive that is whole is restored."""
    made = make()
    data = bytearray(backups.archive(made).read(0, made.manifest.bytes))
    data[len(data) // 2] ^= 1
    backups.storage.put(made.manifest.key, bytes(data))
    with pytest.raises(Permanent, match="sha256") as damaged:
        Restore(backups, "", freely()).on_trial(made, backend.backup_url)
    assert damaged.value.error_code == "backup_damaged"
    assert ledger.ask(TRIALS) == []


def test_tables_that_differ_are_named(make, data):
    """One that is missing, has another number of rows, or as many but others; between versions it counts only."""
    tables = make().manifest.tables
    sales = next(one for one in tables if one.name == "sales")
    others = [one for one in tables if one != sales]
    name = f"{data}.sales"
    assert differences(tables, tables, digests=True) == []
    assert differences(tables, others, digests=True) == [f"{name} is missing"]
    fewer, changed = sales.model_copy(update={"rows": 499}), sales.model_copy(update={"digest": "1"})
    assert differences(tables, [*others, fewer], digests=True) == [f"{name} has 499 rows instead of 500"]
    assert differences(tables, [*others, changed], digests=True) == [f"{name} has as many rows, but not the same ones"]
    assert differences(tables, [*others, changed], digests=False) == []


def test_a_trial_that_differs_fails(backend, backups, make, ledger, data):
    """What was counted is compared with what came back, row by row."""
    made = make()
    changed = [one.model_copy(update={"digest": "1"}) if one.name == "sales" else one for one in made.manifest.tables]
    other = replace(made, manifest=made.manifest.model_copy(update={"tables": tuple(changed)}))
    with pytest.raises(Permanent, match=f"{data}.sales has as many rows, but not the same ones") as differs:
        Restore(backups, "", freely()).on_trial(other, backend.backup_url)
    assert differs.value.error_code == "backup_differs"
    assert ledger.ask(TRIALS) == []


class FullStorage(Storage):
    """One whose disk is full after the first piece of a large object."""

    def put_pieces(self, key: str, pieces: Iterable[bytes]) -> None:
        """As the real one, until there is no room."""
        super().put_pieces(key, self._until_full(pieces))

    def _until_full(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        yield next(iter(pieces))
        raise OSError(errno.ENOSPC, "No space left on device")


def test_without_room_the_old_ones_stay_and_nothing_half_is_left(backups, make):
    """The job is tried again, and somebody has to make room."""
    old = make()
    before = files(backups)
    with pytest.raises(Transient, match="no room") as full:
        make(into=Backups(FullStorage(backups.storage.inner)))
    assert full.value.error_code == "storage_full"
    assert (files(backups), [one.id for one in backups.all()]) == (before, [old.id])
    assert list(backups.storage.unfinished("backups")) == []


def test_an_attempt_that_lost_its_job_lists_nothing(backups, make):
    """Another attempt makes the backup, and writes an archive of its own."""

    def lost() -> None:
        raise Fenced("Another attempt has this job now.")

    with pytest.raises(Fenced):
        make(fence=lost)
    assert backups.all() == []


def test_without_a_login_the_job_says_what_to_set(backups):
    """An installation that was brought up to date has none yet."""
    job = BackupJob(None, backups, "", Retention(1, 1, 1))
    with pytest.raises(Permanent, match=r"WHARF_BACKUP_DATABASE_URL is missing.*WHARF_BACKUP_PASSWORD") as missing:
        job.run(None)
    assert missing.value.error_code == "backups_not_set_up"


@pytest.fixture
def attempt(ledger, feed, backups) -> Callable[..., JobContext[BackupPayload]]:
    """An attempt at a job of the installation, as its worker has it."""

    def begin(payload: BackupPayload) -> JobContext[BackupPayload]:
        with ledger.app.tenant(INSTALLATION) as connection:
            view = write_job(connection, Order(INSTALLATION, "default", BACKUP, payload)).view
        assert ledger.claim(view.job_id)
        pulse = Pulse(view.job_id, view.attempt, 20.0)
        own = {"view": view, "pulse": pulse, "progress": Progress(view.progress), "feed": feed, "payload": payload}
        shared = {"tenant_id": INSTALLATION, "checkpoint": None, "database": ledger.app, "storage": backups.storage}
        return JobContext(**own, **shared)

    return begin


def test_an_attempt_that_finds_its_backup_leaves_it_as_it_is(backend, ledger, backups, attempt, data):
    """A restored ledger has the job of its own backup, still running: it must not write over what it came from."""
    job, context = BackupJob(backend.backup_url, backups, "", Retention(1, 1, 1)), attempt(BackupPayload())
    result = job.run(context)
    (made,) = backups.all()
    assert result["backup_id"] == str(context.job_id) == str(made.id)
    ledger.ask(f"DELETE FROM {data}.sales")
    assert job.run(context) == result
    assert backups.all() == [made]
    assert context.progress.view.percent == 100


def test_old_ones_go_when_a_new_one_is_there(backend, backups, make, attempt):
    """By the rules of retention, and only then; a trial that failed is noted and is none."""
    first, last = make(), make()
    job = BackupJob(backend.backup_url, backups, "", Retention(1, 1, 1))
    backups.storage.put(last.manifest.key, b"x" * last.manifest.bytes)
    with pytest.raises(Permanent, match="is damaged"):
        job.run(attempt(BackupPayload(action="verify")))
    assert "is damaged" in backups.find(last.id).verification.problem
    assert job.run(attempt(BackupPayload(action="verify", backup_id=first.id)))["rows"] == first.manifest.rows
    made = attempt(BackupPayload())
    assert job.run(made)["removed"] == 1
    assert [one.id for one in backups.all()] == [made.job_id, first.id]


@pytest.fixture
def database(backend, ledger) -> Iterator[str]:
    """The address of a new, empty database."""
    name = f"restored_{uuid4().hex[:12]}"
    ledger.ask(f"CREATE DATABASE {name}")
    yield backend.owner_url.rsplit("/", 1)[0] + f"/{name}"
    ledger.ask(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def command(backups, database, monkeypatch, tmp_path, capsys) -> Callable[..., str]:
    """`wharf backup restore` into that database; what it says, also where it fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHARF_STORAGE_URL", (tmp_path / "objects").as_uri())
    monkeypatch.setenv("WHARF_DATABASE_URL", database)

    def run(*arguments: str, **options: Any) -> str:
        said = ""
        try:
            restore(*arguments, **options)
        except SystemExit as failed:
            said = str(failed.code)
        return capsys.readouterr().out + said

    return run


def ask(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        done = connection.execute(query.encode())
        return done.fetchall() if done.description else []


def test_it_is_restored_into_an_empty_database(backend, backups, make, command, database, data):
    """All rows, owned and protected as they were; a backup of the result is made, and holds the same."""
    made = make()
    said = command("latest")
    assert f"{data}: 1 tables, 500 rows" in said
    assert "Next: wharf migrate" in said
    assert ask(database, f"SELECT count(*), max(said) FROM {data}.sales") == [(500, "Zoë 99")]
    protected = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
    grants = "SELECT grantee, privilege_type, table_name FROM information_schema.role_table_grants ORDER BY 1, 2, 3"
    policies = "SELECT schemaname, tablename, policyname, roles::text, qual FROM pg_policies ORDER BY 1, 2, 3"
    for query in (protected, grants, policies):
        # The staging table is the only one that is left out.
        expected = [row for row in ask(backend.owner_url, query) if "staging_x" not in row]
        assert ask(database, query) == expected
    as_backup = backend.backup_url.rsplit("/", 1)[0] + "/" + database.rsplit("/", 1)[1]
    ask(database, "SET ROLE wharf_owner; CREATE TABLE wharf.made_later (n int)")
    again = Dump(as_backup, backups, "", freely()).make(new_id(), 1, never)
    assert rows(again) == rows(made) | {("wharf", "made_later"): 0}


def test_a_database_with_something_in_it_is_refused_unless_told(backend, make, command, database, data):
    """Then only what Wharf has in it is dropped; nothing at all while its services are there."""
    make()
    ask(database, "CREATE SCHEMA theirs; CREATE TABLE theirs.own (n int)")
    said = command("latest")
    assert "is not empty: it has the schemas theirs. Name an empty one" in said
    assert "checksum" not in said
    assert "counted and compared" in command("latest", replace=True)
    ask(database, f"DELETE FROM {data}.sales")
    as_app = backend.app_url.rsplit("/", 1)[0] + "/" + database.rsplit("/", 1)[1]
    with psycopg.connect(as_app):
        assert "(wharf_app). Stop them first." in command("latest", replace=True)
    assert "counted and compared" in command("latest", replace=True, jobs=2)
    assert ask(database, f"SELECT count(*), to_regclass('theirs.own')::text FROM {data}.sales") == [(500, "theirs.own")]


def test_a_damaged_backup_touches_no_database(backups, make, command, database, data):
    """The checksum comes first, also where something would be replaced."""
    made = make()
    command("latest")
    backups.storage.put(made.manifest.key, b"x" * made.manifest.bytes)
    assert "is damaged" in command("latest", replace=True)
    assert ask(database, f"SELECT count(*) FROM {data}.sales") == [(500,)]


def test_the_command_lists_and_names_what_there_is_not(make, command, backups):
    """While nothing of Wharf runs: the storage alone knows."""
    assert "no backup in this object storage" in command("list")
    made = make()
    assert f"{made.id}  {made.manifest.created_at:%Y-%m-%d %H:%M:%S}Z" in command("list")
    assert "There is no backup" in command(str(uuid4()))
    assert "'yesterday' is no backup's id" in command("yesterday")


def test_alerts_learn_of_the_newest_backup_and_trial(ledger, counted):
    """From the ledger: a scheduler that was started again tells the same. Failed ones do not count."""

    def job(action: str, status: str, at: str, size: int) -> UUID:
        with ledger.app.tenant(INSTALLATION) as connection:
            written = write_job(connection, Order(INSTALLATION, "default", BACKUP, BackupPayload()))
        result = f'{{"action": "{action}", "bytes": {size}, "seconds": 2.5}}'
        query = "UPDATE wharf.jobs SET status = %s, finished_at = %s, result = %s WHERE id = %s"
        ledger.ask(query, status, at, result, written.view.job_id)
        return written.view.job_id

    for action, status, at, size in (
        ("make", "completed", "2026-01-02T02:00:00Z", 200),
        ("make", "completed", "2026-01-01T02:00:00Z", 100),
        ("make", "failed", "2026-01-03T02:00:00Z", 300),
        ("verify", "completed", "2026-01-04T04:00:00Z", 200),
    ):
        job(action, status, at, size)
    measure(ledger.dispatch)
    assert counted("wharf_backup_last_success_timestamp_seconds") == 1767319200.0
    assert (counted("wharf_backup_bytes"), counted("wharf_backup_seconds")) == (200, 2.5)
    assert counted("wharf_backup_last_verified_timestamp_seconds") == 1767499200.0
