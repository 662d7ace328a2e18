"""PostgreSQL's own programs, `pg_dump` and `pg_restore`, as child processes."""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO

from psycopg.pq import Conninfo

from wharf.common.errors import Permanent, Transient
from wharf.scheduler.backups.pace import Pace

NAMES = ("pg_dump", "pg_restore")
BROUGHT = "wharf.postgres_programs"
"""Entry points of this group give folders with them: the local stack brings a server, and so its programs."""
VERSION = re.compile(r"\(PostgreSQL\) (?P<version>(?P<major>\d+)\S*)")
NICENESS = 10
"""Imports go first wherever they compute on the same machine."""
LOOK_SECONDS = 1.0
PIECE_BYTES = 1 << 16
LONGEST = 300
ROW_OF_SOMEBODY = re.compile(r'(COPY failed for table "[^"]*").*', re.DOTALL)
"""What follows may quote a row."""
FULL = "No space left on device"


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with both programs, of one version."""

    folder: Path
    version: str
    major: int

    def path(self, name: str) -> str:
        """One of them."""
        return str(self.folder / name)

    @property
    def compression(self) -> str:
        """What `--compress` is given: Zstandard where they are built with it, else a little of gzip.

        Both at the level that costs an import beside it least: docs/backups.md.
        """
        tried = _said([self.path("pg_dump"), "--format=custom", f"--compress={ZSTD}", "--host=/nonexistent"])
        return GZIP if "compress" in tried else ZSTD


ZSTD, GZIP = "zstd:1", "1"


def fitting(folders: str, server_major: int) -> Programs:
    """Programs of the server's major version, from `folders` (as in PATH), else those brought with Wharf or on PATH.

    An older `pg_dump` refuses the server, and what a newer one writes the server may not understand. Raises `Permanent`
    (`no_fitting_pg_dump`).
    """
    found = [programs for folder in _places(folders) if (programs := _programs_in(folder))]
    for programs in found:
        if programs.major == server_major:
            return programs
    seen = ", ".join(sorted({programs.version for programs in found})) or "none"
    message = (
        f"The server is PostgreSQL {server_major}, and backups need pg_dump and pg_restore of that version; found: "
        f"{seen}. Install the client programs of PostgreSQL {server_major}, or name their folder in "
        "WHARF_POSTGRES_PROGRAMS."
    )
    raise Permanent(message, code="no_fitting_pg_dump")


def _places(folders: str) -> Iterator[Path]:
    if folders:
        yield from map(Path, folders.split(os.pathsep))
        return
    for entry in entry_points(group=BROUGHT):
        yield from entry.load()()
    yield from map(Path, os.get_exec_path())


def _programs_in(folder: Path) -> Programs | None:
    if not all(os.access(folder / name, os.X_OK) for name in NAMES):
        return None
    match = VERSION.search(_said([str(folder / NAMES[0]), "--version"]))
    return Programs(folder, match["version"], int(match["major"])) if match else None


def _said(command: Sequence[str]) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=_environment(""))
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout + answer.stderr


def _environment(url: str) -> dict[str, str]:
    """Nothing of ours but the address: a password stands in no command, and in no other process' environment."""
    inherited = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    said = {
        option.envvar.decode(): option.val.decode()
        for option in (Conninfo.parse(url.encode()) if url else ())
        if option.envvar and option.val
    }
    return {"PATH": os.defpath, "LC_ALL": "C", **inherited, **said}


@dataclass(frozen=True)
class Child:
    """One of the programs at work."""

    process: subprocess.Popen[bytes]
    complaints: IO[bytes]
    pace: Pace

    def output(self) -> Iterator[bytes]:
        """What it writes. Raises `Transient` or `Permanent` where it fails, after its last byte."""
        descriptor = _descriptor(self.process.stdout)
        while piece := self._next(descriptor):
            yield piece
        self.end()

    def _next(self, descriptor: int) -> bytes:
        while True:
            with self.pace.piece():
                if select.select([descriptor], [], [], LOOK_SECONDS)[0]:
                    return os.read(descriptor, PIECE_BYTES)

    def take(self, pieces: Iterable[bytes]) -> None:
        """Let it read them, to the last. Raises as `output`."""
        descriptor = _descriptor(self.process.stdin)
        os.set_blocking(descriptor, False)
        for piece in pieces:
            if not self._take(descriptor, memoryview(piece)):
                break
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.end()

    def _take(self, descriptor: int, rest: memoryview) -> bool:
        while rest:
            with self.pace.piece():
                if select.select([], [descriptor], [], LOOK_SECONDS)[1]:
                    try:
                        rest = rest[os.write(descriptor, rest) :]
                    except BrokenPipeError:
                        return False
        return True

    def end(self) -> None:
        """Wait until it is done. Raises as `output`."""
        while True:
            self.pace.check()
            try:
                code = self.process.wait(LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        if code:
            raise self._failure(code)

    def _failure(self, code: int) -> Transient:
        self.complaints.seek(0)
        said = self.complaints.read(64 * 1024).decode("utf-8", errors="replace")
        name = Path(str(self.process.args[0])).name  # type: ignore[index]  # always a list
        if FULL in said:
            message = f"{name} found no room on the database's disk. The job is tried again; somebody has to make room."
            return Transient(message, code="database_full")
        return Transient(f"{name} failed: {_first_error(said) or f'exit code {code}'}", code=f"{name}_failed")


def _first_error(said: str) -> str:
    """Its first error as a sentence without anybody's data: details and contexts are lines of their own."""
    lines = [line.partition("error: ")[2] for line in said.splitlines() if "error: " in line]
    return ROW_OF_SOMEBODY.sub(r"\1", lines[0])[:LONGEST] if lines else ""


def _descriptor(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        message = "the child was started without this pipe"
        raise TypeError(message)
    return pipe.fileno()


@contextmanager
def child(command: Sequence[str], url: str, pace: Pace) -> Iterator[Child]:
    """One of the programs at work on that database (a libpq URI; empty: on none); however this is left, it ends."""
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_environment(url),
        )
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
            yield Child(process, complaints, pace)
        finally:
            process.kill()
            # Closes the pipes and waits.
            with process:
                pass
