"""Jobs that other jobs bring about: with their end or on the way, announced after the commit."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from wharf.common.errors import Cancelled, Permanent, Transient
from wharf.common.jobs.kinds import ECHO, REPORTS, EchoPayload, ReportsPayload
from wharf.common.jobs.states import Event
from wharf.common.jobs.submission import Order, Written
from wharf.common.runtime.endings import Ending, finish
from wharf.common.runtime.implementation import Implementation
from wharf.common.schedules.policies import INSTALLATION
from wharf.scheduler.reports import order_reports
from wharf.scheduler.tasks import echo

Announced = list[tuple[UUID, UUID]]
LAST_WEEK = "date_trunc('week', now()) - interval '2 days'"
FOLLOWED = Implementation(
    ECHO,
    echo,
    follow=lambda _connection, context: [
        Order(context.tenant_id, "default", ECHO, EchoPayload(message="after"), parent_id=context.job_id)
    ],
)


@pytest.fixture
def announced() -> Announced:
    """The jobs that were announced, with their tenants."""
    return []


@pytest.fixture
def announce(announced, ledger) -> Callable[[Written, UUID], None]:
    """Notes whom it is told of; only what is committed may be."""

    def note(written: Written, tenant_id: UUID) -> None:
        assert ledger.job(written.view.job_id)
        announced.append((written.view.job_id, tenant_id))

    return note


@pytest.fixture
def worked(ledger, tenant) -> Callable[..., None]:
    """Let a job of a tenant have ended last week."""

    def write(of: UUID, kind: str = "import") -> None:
        job_id = tenant.submit()
        ended = f"status = 'completed', finished_at = {LAST_WEEK}, admitted = false"
        ledger.ask(f"UPDATE wharf.jobs SET {ended}, tenant_id = %s, kind = %s WHERE id = %s", of, kind, job_id)

    return write


def test_what_follows_is_written_by_the_transaction_that_ends_the_job(ledger, tenant, attempt, announce, announced):
    """There is no moment in which the job has ended and the one after it is not there, nor the other way round."""
    context = attempt(ECHO, EchoPayload(), of=tenant.id, announce=announce)
    assert finish(context, FOLLOWED, Ending(Event.COMPLETE, result={})).ended
    (following,) = ledger.jobs(f"parent_id = '{context.job_id}'")
    assert (following["payload"]["message"], announced) == ("after", [(following["id"], tenant.id)])
    # The end is that transaction's time.
    assert following["created_at"] <= ledger.job(context.job_id)["finished_at"]


@pytest.mark.parametrize(
    "ending",
    [
        Ending(Event.FAIL, error=Permanent("no")),
        Ending(Event.FAIL_FOR_NOW, error=Transient("later")),
        Ending(Event.GIVE_BACK),
    ],
)
def test_nothing_follows_a_job_that_did_not_complete(ledger, tenant, attempt, announce, announced, ending):
    """One that is tried again may complete yet."""
    context = attempt(ECHO, EchoPayload(), of=tenant.id, announce=announce)
    assert finish(context, FOLLOWED, ending)
    assert (ledger.jobs(f"parent_id = '{context.job_id}'"), announced) == ([], [])


def test_nothing_follows_an_attempt_that_has_lost_its_lease(ledger, tenant, attempt, announce, announced):
    """Another one ends the job, and with it comes what follows: once."""
    context = attempt(ECHO, EchoPayload(), of=tenant.id, announce=announce)
    ledger.ask("DELETE FROM wharf.leases WHERE job_id = %s", context.job_id)
    assert finish(context, FOLLOWED, Ending(Event.COMPLETE, result={})) is None
    assert (ledger.jobs(f"parent_id = '{context.job_id}'"), announced) == ([], [])


def test_reports_are_ordered_for_tenants_that_worked(ledger, tenant, make_tenant, worked, attempt, announce, announced):
    """Announced one by one; not for the installation's canaries, nor for those who had only reports and mails."""
    tenants = {kind: make_tenant() for kind in ("import", "package", "undo", "report", "mail", "import_part")}
    for kind, one in tenants.items():
        worked(one.id, kind)
    worked(INSTALLATION)
    wanted = ReportsPayload(report="weekly")
    result = order_reports(attempt(REPORTS, wanted, announce=announce))
    assert {tenant_id for _, tenant_id in announced} == {tenants[kind].id for kind in ("import", "package", "undo")}
    assert (result["tenants"], result["reports"], len(announced)) == (3, 3, 3)
    assert order_reports(attempt(REPORTS, wanted, announce=announce))["reports"] == 0
    assert len(announced) == 3


def test_a_cancel_is_heard_while_tenants_are_looked_for(attempt):
    """The look goes through all jobs: it is a query that a cancel ends."""
    context = attempt(REPORTS, ReportsPayload(report="weekly"))
    context.pulse.cancelled.set()
    with pytest.raises(Cancelled):
        order_reports(context)
