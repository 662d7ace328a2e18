from __future__ import annotations

import signal
from contextlib import suppress

import psutil
import pytest

from tests.chaos import faults
from tests.chaos.cargo import Sample, Sender
from tests.chaos.faults import POOL, Fault
from tests.chaos.stack import Chaos
from wharf.common.runtime.points import Point
from wharf.local.trial import eventually

WITHIN = 60.0
DEAD = "SELECT 1 FROM wharf.attempts WHERE job_id = %s AND outcome = 'die'"
STAGED_AGAIN = "SELECT 1 FROM wharf.job_logs WHERE job_id = %s AND event = 'import.staged_again'"


def standing(chaos: Chaos) -> list[psutil.Process]:
    """The processes of the pool that were stopped."""
    return [child for child in faults.children(chaos, POOL) if child.status() == psutil.STATUS_STOPPED]


def held_at(chaos: Chaos, sender: Sender, sample: Sample, point: Point) -> tuple[str, psutil.Process]:
    """A job whose process stands still at the point."""
    token = chaos.switchboard.arm(point, "stop")
    job = sender.send(sample)
    eventually(lambda: chaos.switchboard.fired(token), f"a stop at {point}")
    return job, eventually(lambda: standing(chaos), "the process that stands still")[0]


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that only waits to be buried does not."""
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize("point", [Point.AFTER_BATCH, Point.BEFORE_FENCE, Point.BEFORE_MERGE_COMMIT])
def test_a_worker_that_wakes_too_late_changes_nothing(
    chaos: Chaos, sender: Sender, small: Sample, point: Point
) -> None:
    """Its lease ran out while it stood still, with row locks or without: the next attempt does the work, once."""
    job, child = held_at(chaos, sender, small, point)
    eventually(lambda: chaos.trial.ask(DEAD, job), "the lease being taken from it")
    with suppress(psutil.NoSuchProcess):  # the worker's main process may have ended it by now
        child.resume()
    sender.wait([job])
    wrongs = sender.account().settled(WITHIN)
    assert not wrongs, str(wrongs)


def test_postgres_dies_in_the_middle_of_a_merge(chaos: Chaos, sender: Sender, small: Sample) -> None:
    """Nothing of the merge is there, the unlogged staging table is empty: the file is staged again and merged once."""
    job, child = held_at(chaos, sender, small, Point.BEFORE_MERGE_COMMIT)
    server = psutil.Process(chaos.pid("postgres"))
    faults.send("postgres", signal.SIGKILL, chaos)
    # A process that is killed lives on until its turn comes: its children could still commit.
    eventually(lambda: not alive(server), "the server's end")
    child.resume()
    sender.wait([job])
    wrongs = sender.account().settled(WITHIN)
    assert not wrongs, str(wrongs)
    assert chaos.trial.ask(STAGED_AGAIN, job)


@pytest.mark.parametrize("fault", faults.NETWORK_REDIS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_submit_needs_no_redis(chaos: Chaos, sender: Sender, small: Sample, fault: Fault) -> None:
    """It is answered while the broker is away, and the job runs when it is back."""
    with fault.during(chaos):
        job = sender.deliver(small)
    sender.wait([job])
    wrongs = sender.account().settled(WITHIN)
    assert not wrongs, str(wrongs)
