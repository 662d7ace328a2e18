"""`pg_dump` and `pg_restore` as child processes: of the right version, without a password to be seen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from wharf.common.errors import Cancelled, Permanent, Transient
from wharf.scheduler.backups.pace import Check, Pace
from wharf.scheduler.backups.programs import Programs, child, fitting

URL = "postgresql://wharf_backup:s3cret@db.example:5433/wharf?sslmode=require"


def never() -> None:
    """Nothing stops the work."""


def freely(check: Check = never) -> Pace:
    """Without rests."""
    return Pace(check, rests=0)


def programs(folder: Path, version: str) -> str:
    """A folder with programs that only know their version."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_those_of_the_servers_version_are_taken(tmp_path: Path) -> None:
    """Of several folders the one that fits, whatever comes first; half a folder is none."""
    old, new = programs(tmp_path / "16", "16.14"), programs(tmp_path / "18", "18.4 (Debian 18.4-1)")
    (tmp_path / "empty").mkdir()
    folders = os.pathsep.join((str(tmp_path / "empty"), old, new))
    assert fitting(folders, 18) == Programs(Path(new), "18.4", 18)
    assert fitting(folders, 16).folder == Path(old)


@pytest.mark.parametrize(("version", "seen"), [("15.18", "15.18"), ("19beta1", "19beta1"), (None, "none")])
def test_others_are_refused_with_what_to_do(tmp_path: Path, version: str | None, seen: str) -> None:
    """Older ones cannot read the server, and the server need not understand what newer ones write."""
    folder = programs(tmp_path / "x", version) if version else str(tmp_path)
    with pytest.raises(Permanent, match=rf"PostgreSQL 18.*found: {seen}\. .*WHARF_POSTGRES_PROGRAMS") as refused:
        fitting(folder, 18)
    assert refused.value.error_code == "no_fitting_pg_dump"


@pytest.mark.parametrize(
    ("complaint", "chosen"),
    [
        ("connection to server on socket failed", "zstd:1"),
        ("invalid compression specification: this build does not support compression with ZSTD", "1"),
        ('invalid value "zstd:1" for option -Z/--compress', "1"),
    ],
)
def test_it_is_compressed_as_the_programs_can(tmp_path: Path, complaint: str, chosen: str) -> None:
    """Zstandard where they were built with it; the wheels' are not, and PostgreSQL 15 has none."""
    folder = Path(programs(tmp_path / "x", "18.4"))
    (folder / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump: error: {complaint}' >&2\nexit 1\n")
    assert Programs(folder, "18.4", 18).compression == chosen


def test_the_local_stack_brings_its_own() -> None:
    """Without a setting those of its server's wheel are found."""
    assert fitting("", 18).major == 18


def test_a_password_is_in_the_childs_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all of the address, and none of our own secrets."""
    monkeypatch.setenv("WHARF_DATABASE_URL", "postgresql://owner:hidden@x/y")
    show = "import os, sys; print(sys.argv, {k: v for k, v in os.environ.items() if k[:2] in ('PG', 'WH')})"
    with child([sys.executable, "-c", show, "dump"], URL, freely()) as running:
        said = b"".join(running.output()).decode()
        assert "s3cret" not in " ".join(map(str, running.process.args))
    for part in ("'PGPASSWORD': 's3cret'", "'PGHOST': 'db.example'", "'PGPORT': '5433'", "'PGUSER': 'wharf_backup'"):
        assert part in said
    assert "'PGSSLMODE': 'require'" in said
    assert "hidden" not in said
    assert os.environ.get("PGPASSWORD") is None


@pytest.mark.parametrize(
    ("complaint", "code", "said"),
    [
        ("pg_dump: error: no such role\npg_dump: detail: x", "python_failed", "python failed: no such role"),
        ('x: error: COPY failed for table "t": ERROR: bad "Ann"', "python_failed", 'COPY failed for table "t"'),
        ("x: error: could not extend file: No space left on device", "database_full", "no room on the database's disk"),
        ("", "python_failed", "exit code 3"),
    ],
)  # fmt: skip
def test_what_fails_says_why_and_shows_no_row(tmp_path: Path, complaint: str, code: str, said: str) -> None:
    """Its first error, as a sentence, after its last byte; the job is tried again."""
    program = tmp_path / "python"
    program.symlink_to(sys.executable)
    script = f"import sys; print('half'); sys.stderr.write({complaint!r}); sys.exit(3)"
    with child([str(program), "-c", script], "", freely()) as running, pytest.raises(Transient) as failed:
        list(running.output())
    assert failed.value.error_code == code
    assert said in failed.value.message
    assert "Ann" not in failed.value.message


@pytest.mark.parametrize("method", ["output", "take", "end"])
def test_a_cancel_ends_the_child(method: str) -> None:
    """Whatever it waits for: its output, its input, its end."""

    def cancelled() -> None:
        raise Cancelled

    with child(["sleep", "300"], "", freely(cancelled)) as running, pytest.raises(Cancelled):
        list(running.output()) if method == "output" else running.take([b"x"]) if method == "take" else running.end()
    assert running.process.returncode == -9


def test_a_child_that_reads_no_more_is_told_by_its_error() -> None:
    """And not by the broken pipe."""
    script = "import sys; sys.stderr.write('x: error: enough'); sys.exit(1)"
    with child([sys.executable, "-c", script], "", freely()) as running, pytest.raises(Transient, match="enough"):
        running.take([b"x" * 2**20] * 50)
