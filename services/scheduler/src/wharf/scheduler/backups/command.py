"""`wharf backup restore`, and in images `wharf-restore`: a backup back into a database, without a running Wharf."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from wharf.common.backups import Backup, Backups, TableCount
from wharf.common.errors import Conflict, NotFound, Permanent, WharfError
from wharf.common.ledger.compatibility import latest_revision
from wharf.common.ledger.database import driver_url
from wharf.common.ledger.migration import prepare_roles
from wharf.common.settings import BackupStorageSettings, DatabaseSettings, load
from wharf.scheduler.backups.connection import Connection, connected
from wharf.scheduler.backups.counts import schemas, tables
from wharf.scheduler.backups.pace import Pace
from wharf.scheduler.backups.programs import fitting
from wharf.scheduler.backups.restore import Restore

LATEST, LIST = "latest", "list"
USED = """
    SELECT n.nspname FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND (n.nspname <> 'public' OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid)) ORDER BY 1"""
SERVICES = """
    SELECT DISTINCT usename::text FROM pg_stat_activity WHERE datname = current_database()
    AND usename IN ('wharf_app', 'wharf_dispatch', 'wharf_backup') ORDER BY 1"""
SHOWN = 3
DROPPED_AT_ONCE = 100


class RestoreSettings(DatabaseSettings, BackupStorageSettings):
    """The owner's login to the database that is restored into, and where the backups are."""

    postgres_programs: str = ""


def restore(backup: str, *, replace: bool = False, jobs: int = 1) -> None:
    """Restore a backup (its id, or `latest`; `list` shows them) into the empty database of WHARF_DATABASE_URL.

    The address takes the owner's login, as for wharf migrate; the backups are found by WHARF_STORAGE_URL or
    WHARF_BACKUP_STORAGE_URL. --replace: what Wharf has in that database is dropped first. --jobs: so many connections
    at once; the archive is copied to the folder for temporary files.
    """
    try:
        settings = load(RestoreSettings)
        backups = Backups.open(settings)
        _list(backups) if backup == LIST else _restore(settings, backups, backup, replace=replace, jobs=jobs)
    except WharfError as error:
        sys.exit(f"wharf backup restore: {error.message}")
    except (psycopg.Error, DBAPIError) as error:
        reason = (str(getattr(error, "orig", error)).strip() or type(error).__name__).splitlines()[0]
        message = f"the database refused ({reason}). Check WHARF_DATABASE_URL: it needs the owner's login."
        sys.exit(f"wharf backup restore: {message}")


def main() -> None:
    """The same where the command `wharf` is not installed."""
    parser = argparse.ArgumentParser(prog="wharf-restore", description=restore.__doc__)
    parser.add_argument("backup", nargs="?", default=LIST, help="an id, `latest`, or `list`")
    parser.add_argument("--replace", action="store_true", help="drop what Wharf has in the database first")
    parser.add_argument("--jobs", type=int, default=1, help="connections at once")
    given = parser.parse_args()
    restore(given.backup, replace=given.replace, jobs=given.jobs)


def _list(backups: Backups) -> None:
    found = backups.all()
    for one in found:
        manifest = one.manifest
        verified = f"verified {one.verification.at:%Y-%m-%d}" if one.verification and one.verified else "not verified"
        _say(f"{one.id}  {manifest.created_at:%Y-%m-%d %H:%M:%S}Z  {manifest.rows:,} rows  {verified}")
    if not found:
        _say("There is no backup in this object storage.")


def _restore(settings: RestoreSettings, backups: Backups, wanted: str, *, replace: bool, jobs: int) -> None:
    backup, url = backups.find(_id_of(wanted)), settings.database_url.get_secret_value()
    manifest = backup.manifest
    about = f"{manifest.bytes:,} bytes, {len(manifest.tables):,} tables, {manifest.rows:,} rows"
    _say(f"Backup {backup.id} of {manifest.created_at:%Y-%m-%d %H:%M:%S}Z: {about}.")
    work = Restore(backups, settings.postgres_programs, Pace(lambda: None, rests=0))
    with connected(url) as connection:
        fitting(settings.postgres_programs, connection.info.server_version // 10_000)
        used = _refuse_used(connection, replace=replace)
        _say("Checking its checksum ...")
        work.check_sum(backup)
        _prepare(connection, url, used)
        _say("Restoring ...")
        try:
            found = work.into(connection, url, backup, max(jobs, 1))
        except WharfError as error:
            message = f"{error.message} The database is not whole: when that is mended, restore again with --replace."
            raise Permanent(message, code=error.error_code) from error
        connection.execute("ANALYZE")
    _say_counts(backup, found)


def _id_of(wanted: str) -> UUID | None:
    if wanted == LATEST:
        return None
    try:
        return UUID(wanted)
    except ValueError:
        message = f"{wanted[:60]!r} is no backup's id. Say an id, `latest`, or `list` to see them."
        raise NotFound(message, code="backup_not_found") from None


def _refuse_used(connection: Connection, *, replace: bool) -> list[str]:
    """Its schemas. Raises `Conflict` where there are some and nobody said `--replace`, or where Wharf still runs."""
    used = [row[0] for row in connection.execute(USED)]
    name = connection.info.dbname
    if used and not replace:
        more = f" and {len(used) - SHOWN} more" if len(used) > SHOWN else ""
        message = (
            f"The database {name} is not empty: it has the schemas {', '.join(used[:SHOWN])}{more}. Name an empty one "
            "in WHARF_DATABASE_URL (CREATE DATABASE makes it), or say --replace: then what Wharf has in it is dropped."
        )
        raise Conflict(message, code="database_not_empty")
    if services := [row[0] for row in connection.execute(SERVICES)]:
        message = f"Services of Wharf use the database {name} ({', '.join(services)}). Stop them first."
        raise Conflict(message, code="database_in_use")
    return used


def _prepare(connection: Connection, url: str, used: list[str]) -> None:
    """The roles, and no schema of ours."""
    engine = create_engine(driver_url(url), poolclass=NullPool)
    with engine.connect() as preparing:
        prepare_roles(preparing)
    engine.dispose()
    for place in set(schemas(connection)) & set(used):
        _drop(connection, place)


def _drop(connection: Connection, place: str) -> None:
    """A schema. Its tables first, some at a time: all at once need nine locks each, and the server may have no room."""
    kept, left_out = tables(connection, [place])
    names = [sql.Identifier(*one) for one in kept + left_out]
    for start in range(0, len(names), DROPPED_AT_ONCE):
        some = sql.SQL(", ").join(names[start : start + DROPPED_AT_ONCE])
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(some))
    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(place)))


def _say_counts(backup: Backup, found: Iterable[TableCount]) -> None:
    tables: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    for table in found:
        tables[table.place] += 1
        rows[table.place] += table.rows
    for place in sorted(tables):
        _say(f"  {place}: {tables[place]:,} tables, {rows[place]:,} rows")
    _say(f"Restored: {tables.total():,} tables with {rows.total():,} rows, counted and compared.")
    newer = "" if backup.manifest.revision == latest_revision() else f" (from {backup.manifest.revision})"
    _say(f"Next: wharf migrate, which gives the roles their passwords and brings the schema up to date{newer}.")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
