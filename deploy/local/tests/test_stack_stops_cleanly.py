"""However a stack ends, nothing of it keeps running, and the next start goes on with its data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from wharf.local import Connection, LocalStack
from wharf.local.failure import Interrupted, StartFailed
from wharf.local.orphans import MARK
from wharf.local.residence import remove
from wharf.local.testing import STOPS, broken_stand_ins, stand_ins

pytestmark = pytest.mark.stack
MakeStack = Callable[..., LocalStack]
Wait = Callable[[Callable[[], object]], None]

FOREGROUND = """
import sys
from pathlib import Path
import typer
from wharf.local import LocalStack
from wharf.local.command import keep_up
from wharf.local.testing import stand_ins
stack = LocalStack(Path(sys.argv.pop()), services=stand_ins)
typer.run(lambda: keep_up(stack))
"""


def survivors(root: Path) -> list[int]:
    """What runs of the stack on `root`: marked services, and servers that work below it."""
    home = (root / "postgres").resolve()
    return [process.pid for process in psutil.process_iter() if belongs(process, root, home)]


def belongs(process: psutil.Process, root: Path, home: Path) -> bool:
    with suppress(psutil.Error, OSError):
        folder = Path(process.cwd())
        servers = folder.is_relative_to(home) or folder.is_relative_to(root)
        return process.status() != psutil.STATUS_ZOMBIE and (servers or process.environ().get(MARK) == str(root))
    return False


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A data folder for stacks in processes of their own; what they put elsewhere is deleted, too."""
    stack = LocalStack(tmp_path / "data")
    yield stack.folder.root
    if stack.folder.root.exists():
        remove(stack.folder)


@pytest.fixture
def foreground(root: Path) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, ready; the test ends it."""
    command = [sys.executable, "-c", FOREGROUND, str(root)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("Wharf is ready at http://127.0.0.1:")
        yield process
        if process.poll() is None:
            process.terminate()


def test_stopping_goes_from_the_gateway_to_the_database(root: Path) -> None:
    """While the services stop, both servers still answer them; then nothing is left."""
    with LocalStack(root, services=stand_ins, ingest_workers=2):
        assert survivors(root)
    stops = [json.loads(line) for line in (root / STOPS).read_text(encoding="utf-8").splitlines()]
    names = [stop["name"] for stop in stops]
    assert names[:2] == ["gateway", "scheduler"]
    assert sorted(names[2:]) == [
        "ingest-bulk-worker",
        "ingest-worker",
        "ingest-worker-2",
        "maintenance-worker",
        "package-worker",
    ]
    assert all(stop["servers_answer"] for stop in stops)
    assert "database system is shut down" in (root / "logs" / "postgres.log").read_text(encoding="utf-8")
    assert not survivors(root)
    assert not (root / "connection.json").exists()


def test_the_next_start_goes_on_with_the_same_data(root: Path) -> None:
    """Rows, keys and passwords are those of the first start."""
    with LocalStack(root, services=lambda _: []) as first, psycopg.connect(first.connection.database_url) as database:
        database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        database.commit()
        before = first.connection
    with LocalStack(root, services=lambda _: []) as second:
        with psycopg.connect(second.connection.database_url) as database:
            assert database.execute("SELECT answer FROM kept").fetchone() == (42,)
        after = second.connection
    assert (after.api_key, after.platform_key) == (before.api_key, before.platform_key)
    assert (after.database_url, after.redis_url) == (before.database_url, before.redis_url)


def test_a_start_that_fails_half_way_says_why_and_leaves_nothing(root: Path) -> None:
    """The message has the end of the failing child's log; what had been started is stopped; a new start works."""
    with pytest.raises(StartFailed, match=r"(?s)package-worker ended with exit code 3.*no ink left"):
        LocalStack(root, services=broken_stand_ins).start()
    assert not survivors(root)
    assert not (root / "connection.json").exists()
    with LocalStack(root, services=stand_ins) as again:
        assert psutil.pid_exists(again.connection.processes["package-worker"])


def test_a_start_can_be_interrupted(root: Path) -> None:
    """Ctrl-C while PostgreSQL starts ends the start, in order."""
    stack = LocalStack(root, services=stand_ins)
    stack.say = lambda line: stack.interrupt() if "Redis" in line else None
    with pytest.raises(Interrupted):
        stack.start()
    assert not survivors(root)


def test_data_without_its_secrets_is_not_started_over(root: Path) -> None:
    """New passwords would not fit the data: the message says which file is missing."""
    with LocalStack(root, services=lambda _: []):
        pass
    (root / "secrets.json").rename(root / "secrets.json.lost")
    with pytest.raises(StartFailed, match=r"secrets\.json"):
        LocalStack(root).start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_command_in_order(
    foreground: subprocess.Popen[str], root: Path, number: signal.Signals
) -> None:
    """Exit code 0, nothing left, the servers closed properly."""
    foreground.send_signal(number)
    assert foreground.wait(60) == 0
    assert not survivors(root)
    assert "database system is shut down" in (root / "logs" / "postgres.log").read_text(encoding="utf-8")


def test_a_killed_supervisor_leaves_nothing_running(foreground: subprocess.Popen[str], root: Path, wait: Wait) -> None:
    """The watchdog ends the children; a start right after that waits for it and finds the data."""
    processes = Connection.read(root / "connection.json").processes
    foreground.kill()
    foreground.wait()
    with LocalStack(root, services=stand_ins) as again:
        assert not set(processes.values()) & set(again.connection.processes.values())
        wait(lambda: not [pid for pid in processes.values() if psutil.pid_exists(pid) and is_running(pid)])
    assert not survivors(root)


def is_running(pid: int) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_what_a_killed_supervisor_and_watchdog_left_is_ended_by_the_next_start(
    foreground: subprocess.Popen[str], root: Path
) -> None:
    """Nobody watches any more, but the processes can be told from others by what they carry."""
    left = Connection.read(root / "connection.json").processes
    [watchdog] = [one for one in psutil.Process(foreground.pid).children() if "watchdog.py" in " ".join(one.cmdline())]
    watchdog.suspend()
    foreground.kill()
    foreground.wait()
    watchdog.kill()
    assert all(is_running(pid) for pid in left.values())
    with LocalStack(root, services=stand_ins):
        assert not [pid for pid in left.values() if is_running(pid)]


def test_a_failing_command_says_one_sentence_and_ends_with_1(stack: LocalStack) -> None:
    """On a folder in use, for one."""
    command = [sys.executable, "-c", FOREGROUND, str(stack.folder.root)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert answer.returncode == 1
    assert "is in use by another running stack" in answer.stderr
    assert "Traceback" not in answer.stderr
