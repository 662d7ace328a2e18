from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from wharf.common.jobs.states import Status
from wharf.common.queues import Queue
from wharf.scheduler.canaries import FREIGHT, content, package_type, profile
from wharf.scheduler.verdicts import DONE, LATE, Sent, judge

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def told(*, age: timedelta = SECOND, paused: bool = False, **job) -> tuple[str, str | None] | None:
    """The verdict at noon, as outcome and code."""
    verdict = judge(Sent(NOON - age, paused, **job), NOON)
    return verdict and (verdict.outcome.value, verdict.code)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"kind": "import", "status": Status.COMPLETED, "result": {"inserted": 1}}, ("ok", None)),
        ({"kind": "import", "status": Status.COMPLETED, "result": {"inserted": 0}}, ("failed", "wrong_result")),
        ({"kind": "package", "status": Status.COMPLETED, "result": {"files": [{}]}}, ("ok", None)),
        ({"kind": "package", "status": Status.COMPLETED, "result": {"files": []}}, ("failed", "wrong_result")),
        ({"kind": "echo", "status": Status.COMPLETED, "result": {"message": "x"}}, ("ok", None)),
        ({"kind": "echo", "status": Status.FAILED, "code": "unexpected"}, ("failed", "unexpected")),
        ({"kind": "echo", "status": Status.CANCELLED, "code": "cancelled"}, ("failed", "cancelled")),
        ({}, ("failed", "job_gone")),
        ({"kind": "echo", "status": Status.QUEUED}, None),
        ({"kind": "echo", "status": Status.RETRYING, "code": "storage_full"}, None),
    ],
)
def test_it_came_through_when_its_job_did_what_it_was_sent_for(job, expected):
    """A job that ended is not enough: what it was to do must have been done."""
    assert told(**job) == expected


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"status": Status.QUEUED}, ("late", "queued")),
        ({"status": Status.RETRYING, "code": "storage_full"}, ("late", "storage_full")),
        ({"status": Status.COMPLETED, "kind": "echo", "result": {"message": ""}}, ("ok", None)),
    ],
)
def test_after_its_time_what_has_not_ended_is_late(job, expected):
    """It is told where it stands; and what ended after all is measured, not blamed."""
    before = told(age=LATE, **job)
    assert before is None or before[0] == "ok"
    assert told(age=LATE + SECOND, **job) == expected


def test_a_queue_that_rests_is_no_failure():
    """At once: nobody is woken because somebody paused a queue on purpose."""
    assert told(status=Status.QUEUED, paused=True) == ("paused", None)
    assert told(age=2 * LATE, status=Status.QUEUED, paused=True) == ("paused", None)
    assert told(status=Status.FAILED, paused=True, code="x") == ("failed", "x")


def test_every_queue_has_something_to_send():
    """A queue that is added needs a canary, and every canary can be judged."""
    assert set(FREIGHT) == set(Queue)
    assert {freight.kind.name for freight in FREIGHT.values()} <= set(DONE)


def test_what_is_sent_fits_what_is_declared():
    """The file's header is the profile's columns; the package reads no others."""
    header = content(UUID(int=1)).decode().splitlines()[0].split(",")
    assert header == [column.name for column in profile().columns]
    assert {column.source for column in package_type().sections[0].columns} <= set(header)
    assert package_type().datasets == (profile().name,)
