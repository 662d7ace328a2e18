"""Our own PostgreSQL: its settings with their reasons, its first initialisation, its process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from wharf.local.account import Account, run_as
from wharf.local.address import postgres_url
from wharf.local.binaries import PostgresPrograms
from wharf.local.child import ChildSpec, Stage
from wharf.local.failure import StartFailed
from wharf.local.orphans import end_servers
from wharf.local.private import sync_folder, write_private

OWNER = "wharf"
DATABASE = "wharf"
READY_WITHIN = 300.0
"""After a crash PostgreSQL first replays up to `max_wal_size` of its log."""
GRACE_SECONDS = 60.0
BUILT_IN_LOCALE_SINCE = (17,)


class Setting(NamedTuple):
    """One server parameter and why it is not left as it comes."""

    name: str
    value: str
    why: str


SETTINGS = (
    Setting("listen_addresses", "127.0.0.1", "this machine only"),
    Setting("unix_socket_directories", "", "a socket's path may have 107 bytes only, and passwords hold on TCP"),
    Setting("password_encryption", "scram-sha-256", "the passwords of roles that migrations make, too"),
    Setting("shared_buffers", "256MB", "indexes of a million-row dataset stay in memory, on a laptop too"),
    Setting("max_wal_size", "2GB", "a large import would force checkpoints all the time with the default of 1GB"),
    Setting("timezone", "UTC", "times are in UTC everywhere"),
    Setting("log_timezone", "UTC", "the log's times too"),
    Setting("log_line_prefix", "%m [%p] %q%u@%d ", "who, when"),
    Setting("logging_collector", "off", "stderr is our log file"),
    Setting("log_error_verbosity", "terse", "DETAIL and CONTEXT would show rows of users' files in the log"),
    Setting("log_min_error_statement", "panic", "a failed statement would show its values in the log"),
)
"""Durability (fsync, full_page_writes, synchronous_commit) is not here: it stays at PostgreSQL's default, on."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A cluster in `home/data`, run by `account` (None: ourselves) with `programs`."""

    programs: PostgresPrograms
    home: Path
    account: Account | None
    password: str

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "data"

    def url(self, port: int, database: str = DATABASE) -> str:
        """The libpq URI with the owner's rights."""
        return postgres_url(port, OWNER, self.password, database)

    def initialise(self, log: Path) -> None:
        """Make the cluster where there is none yet; a half-made one of a killed start is made anew.

        Raises `StartFailed` when initdb fails, or when the data is of another major version.
        """
        if self.data.exists():
            self._check_version()
            return
        draft = self.home / "data.new"
        if draft.exists():
            shutil.rmtree(draft)
        secret = self.home / "owner-password"
        write_private(secret, self.password)
        if self.account:
            os.chown(secret, self.account.uid, self.account.gid)
        try:
            self._initdb(draft, secret, log)
        finally:
            secret.unlink()
        draft.rename(self.data)
        sync_folder(self.home)

    def spec(self, port: int) -> ChildSpec:
        """The server on `port`."""
        settings = [("port", str(port)), *((one.name, one.value) for one in SETTINGS)]
        options = [part for name, value in settings for part in ("-c", f"{name}={value}")]
        return ChildSpec(
            name="postgres",
            command=(str(self.programs.postgres), "-D", str(self.data), *options),
            stage=Stage.POSTGRES,
            ready=partial(self._answers, port),
            environment=_environment(),
            folder=self.home,
            account=self.account,
            prepare=partial(end_servers, self.data),
            stop_signal=signal.SIGINT,  # "fast": rolls back what runs, does not wait for clients
            grace=GRACE_SECONDS,
        )

    def create_database(self, port: int) -> None:
        """Make the database `wharf` where it is missing."""
        with psycopg.connect(self.url(port, "postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _answers(self, port: int) -> bool:
        try:
            with psycopg.connect(self.url(port, "postgres"), connect_timeout=2):
                return True
        except psycopg.Error:
            return False

    def _check_version(self) -> None:
        theirs = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        ours = str(self.programs.version[0])
        if theirs != ours:
            message = (
                f"{self.data} was made by PostgreSQL {theirs}, and this is PostgreSQL {ours}: use the former, give it "
                "with --database-url, or start with another --data-dir."
            )
            raise StartFailed(message, code="data_version")

    def _initdb(self, target: Path, secret: Path, log: Path) -> None:
        command: list[str | Path] = [
            self.programs.initdb,
            "-D",
            target,
            "-U",
            OWNER,
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
        ]
        command += ["--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions"]
        if self.programs.version >= BUILT_IN_LOCALE_SINCE:  # the same case rules on every system
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:  # order by bytes, but upper and lower know all letters
            command.append("--lc-ctype=UTF-8" if sys.platform == "darwin" else "--lc-ctype=C.UTF-8")
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            cwd=self.home,
            check=False,
            **run_as(self.account),
        )
        said = answer.stdout.decode("utf-8", errors="replace")
        write_private(log, said)
        if answer.returncode:
            message = f"PostgreSQL's data could not be initialised; {log} ends with:\n{said[-2000:]}"
            raise StartFailed(message, code="initdb_failed")


def _environment() -> dict[str, str]:
    """Nothing of ours: PGDATA, PGPORT or a locale that is not there would change what the server does."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
