"""A backup of a large ledger, a list of a large storage take long: a kind of job may have a time limit of its own."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest

from wharf.common.jobs.kinds import BACKUP, CLEANUP, ECHO
from wharf.common.ledger.database import Database
from wharf.common.runtime.heartbeat import Heart, Pulse
from wharf.common.runtime.leaving import LeaveSign
from wharf.common.runtime.worker import Worker
from wharf.common.settings import WorkerSettings

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.mark.parametrize(("kind", "seconds"), [(ECHO, 600), (BACKUP, 86_400), (CLEANUP, 7_200)])
def test_it_is_told_to_end_later(kind: Any, seconds: float) -> None:
    """The job's own limit, else the worker's."""
    heart = Heart(Database.connect(NOWHERE, pool=1, application="test"), LeaveSign(), 600)
    before = time.monotonic()
    with heart.during(Pulse(uuid4(), 1, "w", 20), kind.time_limit):
        assert before + seconds <= heart._deadline <= time.monotonic() + seconds


def test_it_is_killed_as_long_after_that_as_others() -> None:
    """Celery's limit: 300 seconds after the worker's own, unless said otherwise."""
    urls = {f"WHARF_{name}_URL": "redis://127.0.0.1:1/0" for name in ("REDIS", "BROKER")}
    settings = WorkerSettings(_env_file=None, WHARF_DATABASE_URL=NOWHERE, storage_url="memory:///", **urls)
    worker = Worker("test", settings, (), ())
    assert (worker._limits(ECHO), worker._limits(BACKUP)) == ({}, {"time_limit": 86_700})
