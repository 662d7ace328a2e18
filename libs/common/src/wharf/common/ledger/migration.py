"""Bringing a database to the current schema: roles, then the numbered migrations.

Runs as a login that owns the database and may create roles (a superuser, or one with CREATEROLE as hosted servers give,
and CREATEDB where backups are to be restored on trial); everything is owned by `wharf_owner`, which nobody logs in as.
Backups need a login that may give BYPASSRLS; loading works without, by a door in front of each table.
"""

from __future__ import annotations

import time

from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from wharf.common.errors import Permanent
from wharf.common.ledger.compatibility import OLDEST_SERVER
from wharf.common.ledger.database import driver_url
from wharf.common.ledger.migrations.limits import LIMITS

LOCK = 0x57A4F  # one migration at a time, whoever starts it
TURN = text("SELECT pg_try_advisory_lock(:lock)")
TURN_SECONDS = 0.2

MAY_GIVE_DATABASES = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
# Before PostgreSQL 16 only superusers may.
MAY_GIVE_BYPASS = """
    SELECT rolsuper OR (rolbypassrls AND current_setting('server_version_num')::int >= 160000)
    FROM pg_roles WHERE rolname = current_user"""
DOOR = "SELECT wharf.make_door('wharf', 'rejects')"
"""Only where the loader may not bypass row security: a ledger may have been moved to such a server."""
ROLES = ("wharf_owner", "wharf_app", "wharf_dispatch", "wharf_loader", "wharf_backup")


def migrate(owner_url: str, *, app_password: str, dispatch_password: str, backup_password: str | None = None) -> None:
    """Create the roles with these passwords and apply what is missing. Running it again changes nothing.

    Without a password of its own `wharf_backup` gets no login: there are no backups.

    Raises `Permanent` (`server_too_old`) on PostgreSQL before 15.
    """
    engine = create_engine(driver_url(owner_url), poolclass=NullPool)
    with engine.connect() as connection:
        _refuse_old(connection)
        _take_turn(connection)
        logins = {"wharf_app": app_password, "wharf_dispatch": dispatch_password, "wharf_backup": backup_password}
        prepare_roles(connection)
        _prepare(connection, {role: password for role, password in logins.items() if password is not None})
        _upgrade(connection)
    engine.dispose()


def _refuse_old(connection: Connection) -> None:
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    if version < OLDEST_SERVER:
        message = f"PostgreSQL {version // 10_000} is too old: Wharf needs 15 or newer. Upgrade the server."
        raise Permanent(message, code="server_too_old")


def _take_turn(connection: Connection) -> None:
    # Who waits inside a statement has a snapshot, and an index that is built CONCURRENTLY waits for that one's end.
    while not connection.execute(TURN, {"lock": LOCK}).scalar_one():
        connection.rollback()
        time.sleep(TURN_SECONDS)


def prepare_roles(connection: Connection) -> None:
    """The roles, new ones without a login, and what they may do in the connection's database as a whole.

    Roles belong to the server: a database that was restored from a backup needs them before its tables.
    """
    for name in ROLES:
        _ensure_role(connection, name)
    if connection.exec_driver_sql(MAY_GIVE_BYPASS).scalar_one():
        connection.exec_driver_sql("ALTER ROLE wharf_loader BYPASSRLS")
        connection.exec_driver_sql("ALTER ROLE wharf_backup BYPASSRLS")
    if connection.exec_driver_sql(MAY_GIVE_DATABASES).scalar_one():
        # For the databases in which backups are restored on trial.
        connection.exec_driver_sql("ALTER ROLE wharf_backup CREATEDB")
    connection.exec_driver_sql("GRANT wharf_loader TO wharf_app")
    connection.exec_driver_sql("GRANT wharf_owner TO CURRENT_USER")
    database = sql.Identifier(str(connection.exec_driver_sql("SELECT current_database()").scalar_one()))
    for template in ("GRANT CREATE ON DATABASE {} TO wharf_owner", "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC"):
        connection.exec_driver_sql(sql.SQL(template).format(database).as_string(None))
    for kind, right in (("SCHEMAS", "USAGE"), ("TABLES", "SELECT"), ("SEQUENCES", "SELECT")):
        own = f"ALTER DEFAULT PRIVILEGES FOR ROLE wharf_owner GRANT {right} ON {kind} TO wharf_backup"
        connection.exec_driver_sql(own)
    connection.commit()


def _prepare(connection: Connection, logins: dict[str, str]) -> None:
    for name, password in logins.items():
        statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
        connection.exec_driver_sql(statement.as_string(None))
    connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS wharf AUTHORIZATION wharf_owner")
    connection.commit()


def _ensure_role(connection: Connection, name: str) -> None:
    # NOINHERIT: the app may take the loader's rights for one COPY (SET LOCAL ROLE), it never has them by itself.
    found = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}).first()
    if found is None:
        connection.exec_driver_sql(f"CREATE ROLE {name} NOLOGIN NOINHERIT")


def _upgrade(connection: Connection) -> None:
    for setting in (*LIMITS, "SET ROLE wharf_owner"):
        connection.exec_driver_sql(setting)
    connection.commit()
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.exec_driver_sql(DOOR)
    connection.commit()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "wharf.common.ledger:migrations")
    return config
