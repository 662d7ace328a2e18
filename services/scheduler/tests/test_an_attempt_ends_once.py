"""Claim and end of an attempt, as the ledger's functions do them: one has the job, and one end is written."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from wharf.common.errors import Cancelled, Invalid, Transient
from wharf.common.jobs.states import ENDED, Event, Status, after, allows
from wharf.common.runtime.endings import HOLDING

ENDINGS = (Event.COMPLETE, Event.FAIL, Event.FAIL_FOR_NOW, Event.GIVE_BACK, Event.STOP)
ERROR = Invalid("The header is missing.", code="no_header")


@pytest.fixture
def hold(tenant, ledger):
    """A claimed job in a state that an attempt can hold."""

    def make(status: Status = Status.RUNNING):
        job = tenant.submit()
        assert ledger.claim(job)
        tenant.save(job, 7)
        if status is Status.CANCELLING:
            tenant.cancel(job)
        return job

    return make


@pytest.mark.parametrize(("status", "event"), list(itertools.product(HOLDING, ENDINGS)))
def test_every_end_follows_the_table(ledger, hold, status, event):
    """Allowed, the job has the table's state and the attempt its outcome; not allowed, nothing is changed."""
    job = hold(status)
    before = ledger.job(job)
    row = ledger.finish(job, event, error=ERROR, result={"rows": 1}, delay=60.0)
    if not allows(status, event):
        assert row is None
        assert (ledger.job(job), ledger.lease(job) is None) == (before, False)
        return
    target = after(status, event)
    assert (row["status"], ledger.job(job)["status"], ledger.outcome(job)) == (target, target, event)
    assert ledger.lease(job) is None
    (written_as_ended if target in ENDED else written_as_waiting)(ledger.job(job))


def written_as_ended(row):
    assert (row["attempt"], row["checkpoint"]) == (1, None)
    assert row["finished_at"]
    code = {"completed": None, "cancelled": "cancelled", "failed": "no_header"}[row["status"]]
    assert (row["error"]["code"] if row["error"] else None) == code
    if row["status"] == "cancelled":
        assert row["error"] == Cancelled().as_dict()  # what the function writes, and what everybody else does


def written_as_waiting(row):
    assert (row["attempt"], row["checkpoint"], row["finished_at"], row["published_at"]) == (2, {"row": 7}, None, None)
    assert (row["available_at"] - row["created_at"]).total_seconds() > 50


@pytest.mark.parametrize(
    ("event", "counted"),
    [
        (Event.COMPLETE, (0, 0)),
        (Event.FAIL, (1, 0)),
        (Event.FAIL_FOR_NOW, (1, 0)),
        (Event.GIVE_BACK, (0, 1)),
    ],
)
def test_failures_and_give_backs_are_counted_apart(ledger, hold, event, counted):
    """A worker that stops is no failure of the job, and an end is not a death."""
    row = ledger.finish(hold(), event, error=ERROR)
    assert ((row["failures"], row["give_backs"]), row["deaths"]) == (counted, 0)


def test_a_retry_gives_up_its_place_and_a_give_back_keeps_it(ledger, hold):
    """Who waits a minute for its next try needs no place meanwhile; who was interrupted goes on at once."""
    assert not ledger.finish(hold(), Event.FAIL_FOR_NOW, error=Transient("later"), delay=60.0)["admitted"]
    assert ledger.finish(hold(), Event.GIVE_BACK)["admitted"]


@pytest.mark.parametrize("event", ENDINGS)
def test_a_lost_lease_writes_nothing(ledger, dispatcher, hold, event):
    """The job went on to its next attempt: the late one's end is refused, in full."""
    job = hold()
    ledger.expire(job)
    dispatcher.reaper.reap()
    ledger.claim(job, 2, "another")
    before, lease = ledger.job(job), ledger.lease(job)
    assert ledger.finish(job, event, result={"rows": 1}, error=ERROR) is None
    assert (ledger.job(job), ledger.lease(job), ledger.outcome(job)) == (before, lease, "die")


def test_a_second_end_is_refused(ledger, hold):
    """The same answer, sent again, finds nothing to end."""
    job = hold()
    assert ledger.finish(job, Event.COMPLETE, result={"rows": 1})
    assert ledger.finish(job, Event.FAIL, error=ERROR) is None
    assert (ledger.job(job)["status"], ledger.job(job)["result"], ledger.job(job)["failures"]) == (
        "completed",
        {"rows": 1},
        0,
    )


def test_of_twenty_workers_one_has_the_job(ledger, tenant):
    """Twenty messages for one attempt, at once: one claim, one lease, one attempt in the book."""
    job = tenant.submit()
    with ThreadPoolExecutor(20) as pool:
        claims = list(pool.map(lambda n: ledger.claim(job, 1, f"worker {n}"), range(20)))
    (won,) = [n for n, claim in enumerate(claims) if claim]
    assert ledger.lease(job)["worker"] == f"worker {won}"
    assert len(ledger.ask("SELECT attempt FROM wharf.attempts WHERE job_id = %s", job)) == 1


def test_of_twenty_ends_one_is_written(ledger, hold):
    """Were there twenty who thought that they hold the lease."""
    job = hold()
    events = (Event.COMPLETE, Event.FAIL) * 10
    with ThreadPoolExecutor(20) as pool:
        rows = [row for row in pool.map(lambda event: ledger.finish(job, event, error=ERROR), events) if row]
    assert len(rows) == 1
    assert ledger.job(job)["status"] == rows[0]["status"]


def test_a_claim_is_had_again_by_the_same_process(ledger, tenant):
    """The answer to its claim was lost: asking again gives the same row, and no second attempt."""
    job = tenant.submit()
    first, again = ledger.claim(job, 1, "me"), ledger.claim(job, 1, "me")
    assert first["id"] == again["id"] == job
    assert ledger.claim(job, 1, "somebody else") is None
    assert len(ledger.ask("SELECT attempt FROM wharf.attempts WHERE job_id = %s", job)) == 1
    assert ledger.lease(job)["worker"] == "me"


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.QUEUED])
def test_only_a_queued_job_is_claimed(ledger, tenant, status):
    """A message that comes late or twice changes nothing."""
    job = tenant.submit()
    ledger.ask("UPDATE wharf.jobs SET status = %s, published_at = now() WHERE id = %s", status.value, job)
    before = ledger.job(job)
    assert ledger.claim(job) is None
    assert (ledger.job(job), ledger.lease(job)) == (before, None)


@pytest.mark.parametrize("attempt", [0, 1, 3])
def test_only_the_current_attempt_is_claimed(ledger, hold, attempt):
    """Messages of earlier attempts, and such that nobody sent, find nothing."""
    job = hold()
    ledger.finish(job, Event.GIVE_BACK)
    assert ledger.claim(job, attempt) is None
    assert ledger.claim(job, 2)


def test_a_claim_gives_a_place(make_tenant, ledger):
    """A message may be quicker than what admits: what runs is counted among the tenant's jobs all the same."""
    tenant = make_tenant(published=0)
    assert ledger.claim(tenant.submit())
    assert tenant.admitted() == 1


def test_only_the_attempt_that_holds_saves(tenant, ledger, hold):
    """A checkpoint of an earlier attempt does not replace the newer one's."""
    job = hold()
    ledger.finish(job, Event.GIVE_BACK)
    ledger.claim(job, 2)
    tenant.save(job, 20, 2)
    tenant.save(job, 99, 1)
    assert (ledger.job(job)["checkpoint"], ledger.job(job)["furthest"]) == ({"row": 20}, 20)


def test_a_checkpoint_goes_with_its_transaction(tenant, ledger, hold):
    """Rows that are rolled back take their checkpoint with them."""
    job = hold()
    with ledger.app.tenant(tenant.id) as connection:
        statement = text("SELECT wharf.save_checkpoint(:job, 1, '{\"row\": 50}', '{}', 50)")
        connection.execute(statement, {"job": job})
        connection.rollback()
    assert ledger.job(job)["checkpoint"] == {"row": 7}


def test_another_tenants_job_has_no_checkpoint_to_save(make_tenant, ledger, hold):
    """The function runs with the caller's rights: other tenants' rows do not exist for it."""
    job = hold()
    make_tenant().save(job, 99)
    assert ledger.job(job)["checkpoint"] == {"row": 7}
