from __future__ import annotations

import httpx
import pytest

from tests.chaos.cargo import Sample, Sender
from tests.chaos.stack import Chaos
from wharf.common.runtime.points import Point
from wharf.local.trial import eventually

OF_THE_GATEWAY = (Point.AFTER_STORED, Point.AFTER_SUBMIT)
OF_THE_DISPATCHER = (Point.AFTER_REAP, Point.BEFORE_PUBLISHED_MARK)
OF_A_WORKER = tuple(point for point in Point if point not in OF_THE_GATEWAY + OF_THE_DISPATCHER)
WITHIN = 60.0


def ready(chaos: Chaos) -> bool:
    try:
        return chaos.trial.api.get("/readyz").is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("point", OF_A_WORKER)
def test_a_worker_that_dies_there_is_made_up_for(chaos: Chaos, sender: Sender, small: Sample, point: Point) -> None:
    """The process is killed in that very place; the next attempt ends the job with every row exactly once."""
    token = chaos.switchboard.arm(point)
    jobs = [sender.send(small) for _ in range(2)]
    eventually(lambda: chaos.switchboard.fired(token), f"a crash at {point}")
    sender.wait(jobs)
    wrongs = sender.account().settled(WITHIN)
    assert not wrongs, str(wrongs)


@pytest.mark.parametrize("point", OF_THE_DISPATCHER)
def test_a_dispatcher_that_dies_there_is_made_up_for(chaos: Chaos, sender: Sender, small: Sample, point: Point) -> None:
    """A worker dies, then the dispatcher that takes its job back: the job ends once all the same."""
    worker = chaos.switchboard.arm(Point.AFTER_CLAIM)
    dispatcher = chaos.switchboard.arm(point)
    job = sender.send(small)
    eventually(lambda: chaos.switchboard.fired(worker), "the worker's crash")
    eventually(lambda: chaos.switchboard.fired(dispatcher), "the dispatcher's crash")
    sender.wait([job])
    wrongs = sender.account().settled(WITHIN)
    assert not wrongs, str(wrongs)


@pytest.mark.parametrize("point", OF_THE_GATEWAY)
def test_a_gateway_that_dies_there_is_made_up_for(chaos: Chaos, sender: Sender, small: Sample, point: Point) -> None:
    """The client gets no answer and sends again under the same key: there is one job, and no object without one."""
    token = chaos.switchboard.arm(point)
    label = sender.name(small)
    fields = {"project_id": f"p-{point}"}
    with pytest.raises(httpx.TransportError):
        sender.post(chaos.trial.api, small, label, fields)
    assert chaos.switchboard.fired(token)
    eventually(lambda: ready(chaos), "the gateway's return")
    sender.wait([sender.post(chaos.trial.api, small, label, fields)])
    wrongs = sender.account().settled(WITHIN)
    assert not wrongs, str(wrongs)
