"""A backup is one moment of the whole ledger, or it is none; restored it is what it was."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from wharf.common.backups import Backups
from wharf.common.errors import Fenced, Permanent, Transient
from wharf.common.jobs.kinds import BackupPayload
from wharf.common.ledger.database import KEEPALIVES
from wharf.common.storage import Storage
from wharf.scheduler.backups.connection import claim, connected
from wharf.scheduler.backups.counts import AT_ONCE, differences
from wharf.scheduler.backups.job import BackupJob
from wharf.scheduler.backups.restore import trial_database
from wharf.scheduler.backups.retention import Retention

TRIALS = "SELECT datname FROM pg_database WHERE datname LIKE 'wharf_verify_%%'"


def files(backups: Backups) -> list[str]:
    """What is in the storage."""
    return [one.key for one in backups.storage.list("backups")]


def test_it_is_one_moment_whatever_is_written_meanwhile(ledger, make, try_out, has_begun, data, rows):
    """Rows that come, and staging tables that go, while it is made: restored it is what was counted at first."""
    done = []

    def write() -> None:
        if has_begun() and not done:
            done.append(ledger.ask(f"INSERT INTO {data}.sales VALUES (501, 'late', now())"))
            ledger.ask(f"DROP TABLE {data}.staging_x")

    made = make(check=write)
    assert rows(made)[data, "sales"] == 500
    assert (data, "staging_x") not in rows(made)
    found = try_out(made)
    assert done
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


def test_nobody_else_may_enter_a_trial(backend, ledger):
    """Its rows are those of all tenants. Trials that somebody left behind are dropped by the next one."""
    ledger.ask("CREATE DATABASE wharf_verify_left OWNER wharf_backup")
    with connected(backend.backup_url) as connection, trial_database(connection, "now") as name:
        assert [row["datname"] for row in ledger.ask(TRIALS)] == [name]
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(backend.app_url.rsplit("/", 1)[0] + f"/{name}")


def test_the_trial_of_another_installation_stays(backend, ledger):
    """Both are roles of one server: while that one is at work, what nobody is connected to may be its own."""
    ledger.ask("CREATE DATABASE wharf_verify_theirs OWNER wharf_backup")
    elsewhere = backend.backup_url.rsplit("/", 1)[0] + "/postgres"
    with connected(elsewhere) as other, connected(backend.backup_url) as connection:
        claim(other)
        claim(connection)
        with trial_database(connection, "ours"):
            assert len(ledger.ask(TRIALS)) == 2
    with connected(backend.backup_url) as connection, trial_database(connection, "ours"):
        assert len(ledger.ask(TRIALS)) == 1


def test_one_is_at_work_at_a_time(backend, backups, make, try_out):
    """The other one is tried again later; until then it has written nothing."""
    made = make()
    with connected(backend.backup_url) as connection:
        claim(connection)
        for work in (make, lambda: try_out(made)):
            with pytest.raises(Transient) as waits:
                work()
            assert waits.value.error_code == "backup_at_work"
    assert set(files(backups)) == {made.manifest.key, f"backups/{made.id}/manifest.json"}
    try_out(made)


def test_a_claim_ends_before_its_connection(backend):
    """The server hears of a connection's end only later: whoever comes right after one would be refused."""

    @contextmanager
    def next_one(_connection: object) -> Iterator[None]:
        """Comes when the work is done, and the connection still open."""
        yield
        with connected(backend.backup_url) as connection:
            claim(connection)

    with connected(backend.backup_url, next_one) as connection:
        claim(connection)


def test_a_server_that_is_gone_is_noticed(backend):
    """As by every connection of ours: a backup may wait for hours for one that went without a word."""
    with connected(backend.backup_url) as connection:
        said = connection.info.get_parameters()
    assert {name: said[name] for name in KEEPALIVES} == {name: str(value) for name, value in KEEPALIVES.items()}


def test_a_role_that_may_make_no_database_is_told(ledger, make, try_out):
    """On servers whose owner could not give the right, until somebody does."""
    made = make()
    ledger.ask("ALTER ROLE wharf_backup NOCREATEDB")
    try:
        with pytest.raises(Permanent, match="ALTER ROLE wharf_backup CREATEDB") as refused:
            try_out(made)
    finally:
        ledger.ask("ALTER ROLE wharf_backup CREATEDB")
    assert refused.value.error_code == "no_trial_database"


def test_bytes_that_changed_are_found_before_anything_is_restored(backups, make, try_out, ledger):
    """One byte is enough; the archive that is whole is restored."""
    made = make()
    data = bytearray(backups.archive(made).read(0, made.manifest.bytes))
    data[len(data) // 2] ^= 1
    backups.storage.put(made.manifest.key, bytes(data))
    with pytest.raises(Permanent, match="sha256") as damaged:
        try_out(made)
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


def test_a_trial_that_differs_fails(make, try_out, ledger, data):
    """What was counted is compared with what came back, row by row."""
    made = make()
    changed = [one.model_copy(update={"digest": "1"}) if one.name == "sales" else one for one in made.manifest.tables]
    other = replace(made, manifest=made.manifest.model_copy(update={"tables": tuple(changed)}))
    with pytest.raises(Permanent, match=f"{data}.sales has as many rows, but not the same ones") as differs:
        try_out(other)
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
