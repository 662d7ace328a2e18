"""A backup back into a database: an empty one for good, or one that is made for the trial and dropped."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from wharf.common.backups import Backup, Backups, TableCount, damaged
from wharf.common.errors import Permanent
from wharf.common.logs import get_logger
from wharf.scheduler.backups.connection import LOCK, Connection, Guard, claim, connected
from wharf.scheduler.backups.counts import count, differences, tables
from wharf.scheduler.backups.dump import Meter
from wharf.scheduler.backups.pace import Pace
from wharf.scheduler.backups.programs import Programs, child, fitting

TRIAL = "wharf_verify_"
# Other installations may share the server, and its roles: while one of them is at work, a trial may be its own.
OUR_TRIALS = """
    SELECT datname FROM pg_database d WHERE starts_with(datname, %s) AND datdba = current_user::regrole
    AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)
    AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid, objsubid) = (0, %s, 1)
                    AND granted AND pid <> pg_backend_pid())"""
END_OURS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = current_user"
SHOWN = 5
"""Tables that an error names."""


@dataclass(frozen=True)
class Restore:
    """What backups are restored with. `told` hears of the bytes that were read."""

    backups: Backups
    programs: str
    pace: Pace
    told: Callable[[int], None] = lambda _bytes: None
    guard: Guard = nullcontext

    def check_sum(self, backup: Backup) -> None:
        """Read all of the archive. Raises `Permanent` (`backup_damaged`) where it is not what was written."""
        meter = Meter(self.told)
        for _piece in meter.passing(self.backups.archive(backup).pieces()):
            self.pace.check()
        self._compare(backup, meter)

    def on_trial(self, backup: Backup, url: str, trial: str) -> list[TableCount]:
        """Restore it into a database of its own on the server of `url`, compare, drop it. `trial`: a word of its name.

        Raises as `check_sum` and `into`, and `Transient` (`backup_at_work`).
        """
        # Not guarded: nothing may interrupt it when it drops the database.
        with connected(url) as connection:
            claim(connection)
            self.check_sum(backup)
            with trial_database(connection, trial) as name:
                restored = make_conninfo(url, dbname=name)
                self._stream(self._programs(connection), backup, restored, ["--no-owner", "--no-privileges"])
                with connected(restored, self.guard) as counting:
                    return self.compare(counting, backup)

    def into(self, connection: Connection, url: str, backup: Backup, jobs: int = 1) -> list[TableCount]:
        """Restore it into the empty database of `url` for good, and compare. The roles must be there.

        Raises `Transient` where `pg_restore` fails, `Permanent` (`backup_differs`) where it left other rows than the
        backup's moment had.
        """
        programs = self._programs(connection)
        if jobs == 1:
            self._stream(programs, backup, url, [])
        else:
            self._side_by_side(programs, backup, url, [f"--jobs={jobs}"])
        return self.compare(connection, backup)

    def compare(self, connection: Connection, backup: Backup) -> list[TableCount]:
        """The tables of a database that was restored. Raises `Permanent` (`backup_differs`)."""
        manifest = backup.manifest
        there, _ = tables(connection, sorted({table.place for table in manifest.tables}))
        wanted = {(table.place, table.name) for table in manifest.tables}
        found = count(connection, [one for one in there if one in wanted], self.pace)
        # Hashes of text are the same within a major version only.
        same = connection.info.server_version // 10_000 == manifest.server_major
        said = differences(manifest.tables, found, digests=same)
        said += [f"{place}.{name} is not in the backup" for place, name in there if (place, name) not in wanted]
        if said:
            raise _differs(backup, said)
        return found

    def _programs(self, connection: Connection) -> Programs:
        return fitting(self.programs, connection.info.server_version // 10_000)

    def _stream(self, programs: Programs, backup: Backup, url: str, options: list[str]) -> None:
        meter = Meter(self.told)
        command = restore_command(programs, url, options)
        with child(command, url, self.pace) as restoring:
            restoring.take(meter.passing(self.backups.archive(backup).pieces()))
        self._compare(backup, meter)

    def _side_by_side(self, programs: Programs, backup: Backup, url: str, options: list[str]) -> None:
        """Several connections need the archive as a file: it must have room where temporary files are."""
        meter = Meter(self.told)
        with tempfile.TemporaryDirectory(prefix="wharf-restore-") as folder:
            path = Path(folder) / "archive.dump"
            with path.open("wb") as file:
                for piece in meter.passing(self.backups.archive(backup).pieces()):
                    self.pace.check()
                    file.write(piece)
            self._compare(backup, meter)
            with child([*restore_command(programs, url, options), str(path)], url, self.pace) as restoring:
                restoring.end()

    def _compare(self, backup: Backup, meter: Meter) -> None:
        if meter.sha256 != backup.manifest.sha256:
            raise damaged(backup.id, "its archive has not the bytes any more that were written (sha256)")


def restore_command(programs: Programs, url: str, options: list[str]) -> list[str]:
    """`pg_restore` into that database; where it is, and as whom, its environment says."""
    name = psycopg.conninfo.conninfo_to_dict(url).get("dbname") or ""
    return [programs.path("pg_restore"), "--exit-on-error", f"--dbname={make_conninfo(dbname=name)}", *options]


@contextmanager
def trial_database(connection: Connection, trial: str) -> Iterator[str]:
    """A new database that nobody else may enter, gone at the end; those that were left behind go first."""
    for (left,) in connection.execute(OUR_TRIALS, [TRIAL, LOCK]).fetchall():
        _drop(connection, left)
    name = f"{TRIAL}{trial}"
    database = sql.Identifier(name)
    try:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(database))
    except psycopg.errors.InsufficientPrivilege:
        message = (
            "wharf_backup may not make a database for trials. As a superuser: ALTER ROLE wharf_backup CREATEDB; or run "
            "wharf migrate with a login that has CREATEDB."
        )
        raise Permanent(message, code="no_trial_database") from None
    try:
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        yield name
    finally:
        connection.execute(END_OURS, [name])
        _drop(connection, name)


def _drop(connection: Connection, name: str) -> None:
    """It waits some seconds for those who leave. FORCE would fail where one of them is another role's, or a vacuum."""
    try:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
    except psycopg.errors.ObjectInUse:
        # The next trial drops it.
        get_logger().warning("backup.trial_left", database=name)


def _differs(backup: Backup, said: list[str]) -> Permanent:
    more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    message = f"Restored, the backup {backup.id} is not what was backed up: {'; '.join(said[:SHOWN])}{more}."
    return Permanent(message, code="backup_differs", detail={"tables": said[:1000]})
