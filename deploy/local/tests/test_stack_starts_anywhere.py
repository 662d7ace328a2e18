"""Long paths, several stacks, taken ports, users: the stack starts all the same, or says why not."""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from wharf.local import Connection, LocalStack
from wharf.local.account import Account
from wharf.local.binaries import POSTGRES_WHEEL, find_postgres
from wharf.local.failure import FolderInUse, StartFailed
from wharf.local.ports import GATEWAY_DEFAULT, Ports, is_free
from wharf.local.services import answers

pytestmark = pytest.mark.stack
MakeStack = Callable[..., LocalStack]


def is_answering(connection: Connection) -> bool:
    with psycopg.connect(connection.database_url) as database:
        database.execute("SELECT 1")
    return answers(f"{connection.url}/readyz")


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_stack_runs_on_a_path_of_200_characters_with_blanks(stack: LocalStack) -> None:
    """The shared stack lives on such a path, and works."""
    assert len(str(stack.folder.root)) >= 200
    assert " " in str(stack.folder.root)
    assert not str(stack.folder.root).isascii()
    assert is_answering(stack.connection)


def test_two_stacks_run_side_by_side(stack: LocalStack, new_stack: MakeStack) -> None:
    """Each has its own servers, ports, passwords and keys."""
    with new_stack() as second:
        ours, theirs = stack.connection, second.connection
        assert is_answering(theirs)
        assert is_answering(ours)
        assert not {ours.url, ours.api_key, ours.database_url} & {theirs.url, theirs.api_key, theirs.database_url}
        assert not set(ours.processes.values()) & set(theirs.processes.values())


def test_a_second_start_on_a_folder_in_use_is_refused(stack: LocalStack) -> None:
    """It says by which process, and the running stack does not notice."""
    before = stack.connection.processes
    with pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
        LocalStack(stack.folder.root, discard=True).start()
    assert stack.connection.processes == before
    assert Connection.read(stack.folder.connection) == stack.connection


def test_the_default_port_gives_way_when_it_is_taken(tmp_path: Path) -> None:
    """Without a wish the gateway gets 8000 or the next free port."""
    first = Ports(tmp_path / "ports.json").gateway(None)
    assert first >= GATEWAY_DEFAULT
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        assert Ports(tmp_path / "ports.json").gateway(None) > first


def test_a_port_that_was_asked_for_and_is_taken_stops_the_start(new_stack: MakeStack, listener: int) -> None:
    """Another port would not be what was asked for."""
    stack = new_stack(port=listener)
    with pytest.raises(StartFailed, match=f"Port {listener} is taken"):
        stack.start()
    assert not stack.folder.root.exists()


def test_a_port_is_the_same_at_the_next_start_unless_somebody_took_it(tmp_path: Path) -> None:
    """Bookmarks and open clients go on working where that is possible."""
    first = Ports(tmp_path / "ports.json").pick("postgres")
    assert Ports(tmp_path / "ports.json").pick("postgres") == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        assert not is_free(first)
        assert Ports(tmp_path / "ports.json").pick("postgres") != first


def test_a_server_on_all_addresses_takes_a_port_too(tmp_path: Path) -> None:
    """A port is not free on 127.0.0.1 when somebody listens on 0.0.0.0."""
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))  # noqa: S104 - that is what the test is about
        other.listen()
        assert not is_free(other.getsockname()[1])


def test_one_stack_never_gives_a_port_twice(tmp_path: Path) -> None:
    """Ports are given before anybody listens on them."""
    ports = Ports(tmp_path / "ports.json")
    given = [ports.pick(f"service-{number}") for number in range(20)]
    assert len(set(given)) == 20


def test_given_servers_are_used_instead_of_own_ones(stack: LocalStack, new_stack: MakeStack) -> None:
    """With a database and a Redis by URL there is no own server, and the services get those."""
    given = stack.connection
    options = {"redis_url": given.redis_url, "broker_url": "amqp://guest:guest@127.0.0.1:5672//"}
    with psycopg.connect(given.database_url, autocommit=True) as database:
        database.execute("CREATE DATABASE elsewhere")
    url = given.database_url.removesuffix("/wharf") + "/elsewhere"
    # roles belong to the whole server: the second stack has to use the passwords of the first
    second = new_stack(database_url=url.replace("postgresql:", "postgresql+psycopg:"), **options)
    second.folder.create()
    shutil.copy(stack.folder.secrets, second.folder.secrets)
    with second:
        names = set(second.connection.processes)
        assert not names & {"postgres", "redis"}
        assert second.connection.database_url == url
        assert second.connection.redis_url == given.redis_url


@pytest.fixture
def hidden_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PostgreSQL's wheel in a folder of mode 0700, as in a virtual environment in root's home."""
    found = find_postgres()
    if not found.parts:
        pytest.skip("PostgreSQL is not from the wheel here")
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    for part in found.parts:
        shutil.copytree(found.base / part, hidden / part)
    (hidden / POSTGRES_WHEEL / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(hidden))
    return hidden


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a home that PostgreSQL's user cannot enter")
def test_root_may_start_in_a_home_of_mode_0700(tmp_path: Path, hidden_programs: Path) -> None:
    """The home stays as it is; PostgreSQL's data and programs go to a place of our own, and the data comes back."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    modes = {folder: folder.stat().st_mode for folder in (home, hidden_programs, *home.parents)}
    with LocalStack(home / "data", services=lambda _: []) as stack:
        place = stack.folder.postgres.resolve().parent
        server = psutil.Process(stack.connection.processes["postgres"])
        assert place.parent == Path("/var/tmp")  # noqa: S108 - the place that it promises
        assert stat.S_IMODE((place / "postgres").stat().st_mode) == 0o700
        assert server.uids().real == (place / "postgres").stat().st_uid != 0
        assert server.exe().startswith(str(place / "programs"))
        with psycopg.connect(stack.connection.database_url) as database:
            database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with LocalStack(home / "data", services=lambda _: [], discard=True) as again:
        with psycopg.connect(again.connection.database_url) as database:
            assert database.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert {folder: folder.stat().st_mode for folder in modes} == modes
    assert not place.exists()


NORMAL_USER = """
import sys
from pathlib import Path
from wharf.local import LocalStack
from wharf.local.testing import stand_ins
with LocalStack(Path(sys.argv[1]) / "data", services=stand_ins) as stack:
    assert not stack.folder.postgres.is_symlink()
    print(*stack.connection.processes)
"""


def interpreter_of_everybody() -> str | None:
    """An interpreter that the user nobody can run, of exactly our version: the installed packages fit no other."""
    nobody = Account(pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for one in (Path(sys.executable), Path("/usr/bin") / name, Path("/usr/local/bin") / name):
        if one.exists() and nobody.may_enter(one.resolve().parent):
            answer = subprocess.run([one, "--version"], capture_output=True, text=True, check=True)
            return str(one) if answer.stdout.split()[1] == platform.python_version() else None
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="all other tests run as a normal user already")
def test_a_normal_user_can_start_it() -> None:
    """Without root's rights the servers run as that user, in the folder itself."""
    interpreter = interpreter_of_everybody()
    if interpreter is None:
        pytest.skip("no interpreter of this version that another user can run")
    entry = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        answer = subprocess.run(
            [interpreter, "-c", NORMAL_USER, folder],
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=[],
            cwd=folder,
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": folder},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    assert answer.returncode == 0, answer.stderr
    assert {"postgres", "redis", "gateway", "scheduler"} <= set(answer.stdout.split())
