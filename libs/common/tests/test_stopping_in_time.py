from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from wharf.common.errors import Cancelled, Fenced, GivenBack, TimeLimit, WharfError
from wharf.common.runtime.heartbeat import Pulse
from wharf.common.runtime.place import Place, lives, pid_of
from wharf.common.settings import WorkerSettings

ADDRESSES = {"database_url": "postgresql://h/d", "redis_url": "redis://h/0", "broker_url": "redis://h/1"}


def settings(**said: float) -> WorkerSettings:
    """A worker's settings with these."""
    known = {f"WHARF_{name.upper()}": value for name, value in ADDRESSES.items()}
    return WorkerSettings(**known, storage_url="file:///tmp/x", **said)


@pytest.mark.parametrize(
    ("said", "finish", "kill"),
    [
        ({}, 15, 27),
        ({"stop_seconds": 120}, 105, 117),
        ({"finish_seconds": 2}, 2, 27),
        ({"finish_seconds": 600}, 27, 27),
        ({"stop_seconds": 6}, 0, 4),
    ],
)
def test_jobs_go_back_before_the_keeper_loses_patience(said: dict[str, float], finish: float, kill: float) -> None:
    """Told to stop first, killed later, both within the grace period whatever was said."""
    found = settings(**said)
    assert (found.finish_within, found.kill_after) == (finish, kill)


@pytest.mark.parametrize(
    ("event", "error"),
    [("lost", Fenced), ("cancelled", Cancelled), ("expired", TimeLimit), ("leaving", GivenBack)],
)
def test_each_reason_to_stop_has_its_error(event: str, error: type[WharfError]) -> None:
    """What the heartbeat finds out, the job's next step raises."""
    pulse = Pulse(uuid4(), 1, "w", 20)
    pulse.check()
    getattr(pulse, event).set()
    with pytest.raises(error):
        pulse.check()


def test_a_job_that_lost_its_lease_is_told_of_nothing_else() -> None:
    """Another attempt has it: this one must not give back, fail or cancel what is no longer its own."""
    pulse = Pulse(uuid4(), 1, "w", 20)
    for event in (pulse.cancelled, pulse.expired, pulse.leaving, pulse.lost):
        event.set()
    with pytest.raises(Fenced):
        pulse.check()


def test_a_name_says_where_and_who() -> None:
    """The pid is its last part, and all of one place begin alike."""
    place = Place.of("ingest-worker")
    assert place.name(17) == f"{place.prefix}17"
    assert pid_of(place.name(17)) == 17
    assert Place("ingest-worker", place.host, "another").prefix != place.prefix


def test_the_dead_and_the_unburied_do_not_live() -> None:
    """A zombie holds no lease, though its pid is still taken."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert lives(child.pid)
    assert lives(os.getpid())
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    if Path("/proc/self").is_dir():
        assert not lives(child.pid)
    child.communicate()
    assert not lives(child.pid)
