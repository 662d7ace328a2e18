from __future__ import annotations

import time

import pytest

from tests.chaos import faults
from tests.chaos.cargo import Sample, Sender
from tests.chaos.faults import Fault
from tests.chaos.stack import Chaos
from wharf.local.trial import eventually

WITHIN = 90.0
GROUPS = {
    "kills": faults.KILLS,
    "redis": faults.OF_REDIS,
    "postgres": faults.OF_POSTGRES,
    "network-redis": faults.NETWORK_REDIS,
    "network-postgres": faults.NETWORK_POSTGRES,
    "storage": faults.STORAGE,
    "messages": faults.MESSAGES,
    "clocks-and-pauses": (*faults.CLOCKS, *faults.PAUSES),
}


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
def test_jobs_outlive(chaos: Chaos, sender: Sender, small: Sample, large: Sample, group: tuple[Fault, ...]) -> None:
    """Jobs that run and jobs that come while it lasts all end once, with every good row and every reject."""
    sent = [sender.attempt(large)]
    for fault in group:
        eventually(chaos.whole, "both servers")
        with fault.during(chaos):
            sent.append(sender.attempt(small))
            time.sleep(fault.seconds)  # how long a fault lasts is what it is
        sent.append(sender.attempt(small))
    sender.wait([delivery.finish() for delivery in sent])
    wrongs = sender.account().settled(WITHIN)
    assert not wrongs, str(wrongs)
