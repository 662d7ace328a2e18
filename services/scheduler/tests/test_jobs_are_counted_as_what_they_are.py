"""What a worker's runner and the reaper count: once for each job that somebody wants, under its kind and its cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import pytest

from wharf.common.errors import Invalid, Permanent, Transient
from wharf.common.jobs.kinds import CLEANUP, ECHO, CleanupPayload
from wharf.common.jobs.submission import Order, write_job
from wharf.common.jobs.tally import CANARY, Tally
from wharf.common.queues import Priority
from wharf.common.runtime.heartbeat import Heart
from wharf.common.runtime.implementation import Implementation
from wharf.common.runtime.leaving import LeaveSign
from wharf.common.runtime.runner import Runner
from wharf.common.runtime.voice import Voice
from wharf.common.schedules.policies import INSTALLATION

QUEUE = "maintenance"
CAUSES = {Invalid("no"): "input", Permanent("no"): "permanent", Transient("no"): "exhausted"}


@pytest.fixture(scope="module")
def heart(connected):
    """One for all: its thread lives as long as the process."""
    return Heart(connected.app, LeaveSign(), 600)


@pytest.fixture
def attempt(ledger, storage, feed, heart):
    """Run one attempt at a job, which fails with that error or completes."""

    def run(job_id: UUID, error: Exception | None = None, kind=ECHO) -> None:
        def work(_context: object) -> dict[str, object]:
            if error is not None:
                raise error
            return {}

        runner = Runner(ledger.app, storage, feed, heart, "w", 20.0, Voice(ledger.app, feed))
        runner.run(Implementation(kind, work), job_id, 1)

    return run


@pytest.fixture
def rises(counted):
    """By how much counters rise while something happens: names with their labels, and the expected rise of each."""

    @contextmanager
    def watched(expected: dict[tuple[str, str], float]) -> Iterator[None]:
        def now() -> dict[tuple[str, str], float]:
            return {(name, of): counted(name, **dict(pair.split("=") for pair in of.split())) for name, of in expected}

        before = now()
        yield
        assert {one: value - before[one] for one, value in now().items()} == expected

    return watched


@pytest.fixture
def canary(ledger):
    """A job of the installation's that is none of its schedules'."""
    order = {"tenant_id": INSTALLATION, "project_id": CANARY, "kind": ECHO, "payload": ECHO.payload()}
    with ledger.app.tenant(INSTALLATION) as connection:
        return write_job(connection, Order(**order)).view


@pytest.fixture
def part(tenant, ledger):
    """The first part of a job."""
    whole = tenant.submit()
    order = replace(tenant.order(Priority.NORMAL), parent_id=whole, part=1)
    with ledger.app.tenant(tenant.id) as connection:
        return write_job(connection, order).view


@pytest.mark.parametrize("error", CAUSES, ids=CAUSES.values())
def test_a_failure_has_its_cause(tenant, ledger, attempt, rises, error):
    """Bad input is no failure of ours; one that was tried as often as it may be is something else than a mistake."""
    job = tenant.submit()
    ledger.ask("UPDATE wharf.jobs SET max_attempts = 1 WHERE id = %s", job)
    of = f"kind=echo queue={QUEUE}"
    expected = {
        ("wharf_jobs_failed_total", f"{of} cause={cause}"): float(cause == CAUSES[error]) for cause in CAUSES.values()
    }
    with rises(expected | {("wharf_jobs_finished_total", f"{of} status=failed"): 1}):
        attempt(job, error)
    assert ledger.job(job)["status"] == "failed"


def test_a_failure_for_now_is_a_retry(tenant, attempt, rises):
    """It has not ended."""
    failed = ("wharf_jobs_failed_total", f"kind=echo queue={QUEUE} cause=exhausted")
    with rises({failed: 0, ("wharf_job_retries_total", "kind=echo"): 1}):
        attempt(tenant.submit(), Transient("no"))


def test_a_job_waits_by_the_priority_that_was_asked_for(tenant, attempt, rises):
    """And by its queue."""
    counts = {"priority=urgent": 1, "priority=normal": 0}
    waits = {("wharf_priority_wait_seconds_count", of): rise for of, rise in counts.items()}
    with rises(waits | {("wharf_job_wait_seconds_count", f"queue={QUEUE}"): 1}):
        attempt(tenant.submit(Priority.URGENT))


@pytest.mark.parametrize("error", [None, Permanent("no")], ids=["completed", "failed"])
def test_canaries_are_counted_apart(canary, attempt, rises, error):
    """They are many, and would hide how the jobs of tenants fare; their queue shows that something is begun."""
    status = "failed" if error else "completed"
    expected = {
        ("wharf_jobs_finished_total", f"kind=canary queue={QUEUE} status={status}"): 1,
        ("wharf_jobs_finished_total", f"kind=echo queue={QUEUE} status={status}"): 0,
        ("wharf_jobs_failed_total", f"kind=canary queue={QUEUE} cause=permanent"): float(error is not None),
        ("wharf_job_run_seconds_count", "kind=canary"): 1,
        ("wharf_job_run_seconds_count", "kind=echo"): 0,
        ("wharf_priority_wait_seconds_count", "priority=normal"): 0,
        ("wharf_job_wait_seconds_count", f"queue={QUEUE}"): 1,
    }
    with rises(expected):
        attempt(canary.job_id, error)


def test_what_the_installation_does_for_itself_is_no_canary(ledger, attempt, rises):
    """Its clean-up, its backups and its checks keep their kinds."""
    with ledger.app.tenant(INSTALLATION) as connection:
        job = write_job(connection, Order(INSTALLATION, "default", CLEANUP, CleanupPayload())).view
    with rises({("wharf_jobs_finished_total", f"kind=cleanup queue={QUEUE} status=completed"): 1}):
        attempt(job.job_id, kind=CLEANUP)


@pytest.mark.parametrize("error", [None, Invalid("no")], ids=["completed", "failed"])
def test_parts_of_a_job_end_uncounted(part, attempt, rises, error):
    """Whoever wants the whole has one job that ends, and waits for that one."""
    status = "failed" if error else "completed"
    expected = {
        ("wharf_jobs_finished_total", f"kind=echo queue={QUEUE} status={status}"): 0,
        ("wharf_jobs_failed_total", f"kind=echo queue={QUEUE} cause=input"): 0,
        ("wharf_priority_wait_seconds_count", "priority=normal"): 0,
        ("wharf_job_run_seconds_count", "kind=echo"): 1,
    }
    with rises(expected):
        attempt(part.job_id, error)


def test_a_part_that_its_workers_died_of_is_uncounted_too(part, ledger, dispatcher, rises):
    """By the reaper; its parent fails for it."""
    with rises({("wharf_jobs_failed_total", f"kind=echo queue={QUEUE} cause=died"): 0}):
        for nth in (1, 2, 3):
            assert ledger.claim(part.job_id, nth)
            ledger.expire(part.job_id, "died", nth)
            assert dispatcher.reaper.reap() == 1
    assert ledger.job(part.job_id)["status"] == "failed"


def test_a_canary_is_submitted_as_one(canary, rises):
    """The announcer counts it in the process that sent it."""
    with rises({("wharf_jobs_submitted_total", f"kind=canary queue={QUEUE} priority=normal"): 1}):
        Tally.of_view(canary, INSTALLATION).submitted(canary.priority)
