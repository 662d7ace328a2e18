"""The services behind PgBouncer, beside the same without it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg

from bench.wayup.stacks import by_turns, changed, echoes_a_second, ratio, stack
from wharf.local.child import ChildSpec
from wharf.local.failure import StartFailed
from wharf.local.services import Site
from wharf.local.stack import LocalStack
from wharf.local.trial import eventually

PROGRAM = shutil.which("pgbouncer")
ACCOUNT = "postgres"
ROUNDS = 3
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'wharf_app'"
CONFIGURATION = """[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = 20
max_client_conn = 500
{prepared}
ignore_startup_parameters = options,extra_float_digits
logfile = {folder}/log
pidfile = {folder}/pid
"""

OF_THE_ROLE = (
    "ALTER ROLE wharf_app SET timezone = 'UTC'",
    "ALTER ROLE wharf_app SET idle_in_transaction_session_timeout = '60s'",
)
"""What the start's options say, which the pooler ignores: docs/scaling.md."""
PREPARED = "max_prepared_statements = 200"
FOLLOWS_FROM = (1, 22)
"""Versions of PgBouncer that follow prepared statements; older ones refuse to start with the word."""


@dataclass
class Pooler:
    """A PgBouncer between the application's role and the database.

    The scheduler goes past it: its lead is a lock of its connection, and it listens.
    """

    mode: str
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def between(self, specs: Sequence[ChildSpec], site: Site) -> Sequence[ChildSpec]:
        """Start it, and lead gateway and workers there."""
        port, app = site.port("pgbouncer"), urlsplit(site.app_url)
        prepare_role(site.app_url)
        self._start(port, int(app.port or 5432), f'"{app.username}" "{unquote(str(app.password))}"\n')
        url = app._replace(netloc=f"{app.username}:{app.password}@127.0.0.1:{port}").geturl()
        direct = ("WHARF_DATABASE_URL", site.app_url)
        return [
            replace(spec, environment={**spec.environment, "WHARF_DATABASE_URL": url})
            if direct in spec.environment.items()
            else spec
            for spec in specs
        ]

    def _start(self, port: int, server: int, users: str) -> None:
        (self.folder / "users").write_text(users, "utf-8")
        version = subprocess.run([str(PROGRAM), "--version"], capture_output=True, text=True, check=True).stdout
        place = {"server": server, "port": port, "folder": self.folder}
        said = CONFIGURATION.format(**place, mode=self.mode, prepared=prepared(version))
        (self.folder / "pgbouncer.ini").write_text(said, "utf-8")
        self.process = subprocess.Popen([str(PROGRAM), *account(self.folder), str(self.folder / "pgbouncer.ini")])
        eventually((self.folder / "pid").exists, "PgBouncer to start")

    def stop(self) -> None:
        """End it."""
        if self.process:
            self.process.terminate()
            self.process.wait(30)


def prepare_role(app_url: str) -> None:
    """The role says by itself what the pooler does not pass on; a role may say that of itself."""
    with psycopg.connect(app_url) as ledger:
        for statement in OF_THE_ROLE:
            ledger.execute(statement)


def prepared(version: str) -> str:
    """The line that lets statements be prepared, for a version (as the program tells it) that can follow them."""
    found = re.search(r"(\d+)\.(\d+)", version)
    return PREPARED if found and (int(found[1]), int(found[2])) >= FOLLOWS_FROM else ""


def account(folder: Path) -> list[str]:
    """Words for PgBouncer, which refuses to run as root: only then another account gets the folder."""
    if os.geteuid():
        return []
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, ACCOUNT)
    return ["--user", ACCOUNT]


@contextmanager
def pooled(mode: str) -> Iterator[LocalStack]:
    """A stack behind a pooler of that mode."""
    with tempfile.TemporaryDirectory(prefix="wharf-pgbouncer-", ignore_cleanup_errors=True) as folder:
        pooler = Pooler(mode, Path(folder))
        try:
            with stack(services=changed(pooler.between)) as running:
                yield running
        finally:
            pooler.stop()


def measure() -> dict[str, Any]:
    """Jobs a second with a pooler and without; one that lends for a session, and one that lends for a transaction."""
    with stack() as direct, pooled("session") as session:
        sides = {"direct": lambda: echoes_a_second(direct), "session": lambda: echoes_a_second(session)}
        found = by_turns(sides, ROUNDS)
        connections = {"direct": _connections(direct), "session": _connections(session)}
    said = {"jobs_a_second": found, "ratio": ratio(found, "session", "direct"), "connections": connections}
    return said | {"transaction": _transaction()}


def _transaction() -> dict[str, Any]:
    try:
        with pooled("transaction") as running:
            return {"jobs_a_second": echoes_a_second(running), "connections": _connections(running)}
    except (StartFailed, TimeoutError, RuntimeError) as failure:
        return {"fails": str(failure)[:500]}


def _connections(running: LocalStack) -> int:
    with psycopg.connect(running.connection.database_url) as ledger:
        row = ledger.execute(CONNECTIONS).fetchone()
    return int(row[0]) if row else 0
