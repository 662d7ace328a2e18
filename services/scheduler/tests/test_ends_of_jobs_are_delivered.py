"""Webhooks in the ledger: which ends of jobs are told, when they are sent, and what comes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from wharf.common.clock import new_id
from wharf.common.errors import Permanent
from wharf.common.jobs.bulk import Action, steps
from wharf.common.jobs.control import cancel
from wharf.common.jobs.states import Event
from wharf.common.ledger.models import Job
from wharf.common.queues import Priority
from wharf.scheduler.webhooks.receiver import Message, Outcome
from wharf.scheduler.webhooks.sender import DELAYS, MOST, Sender

ENDS = ["job.completed", "job.failed", "job.cancelled"]
TRIES = len(DELAYS) + 1
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@dataclass
class Receivers:
    """Those of a test: they answer what they are told to."""

    outcome: Outcome = field(default_factory=lambda: Outcome(None, 200))
    heard: list[Message] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    async def send(self, message: Message) -> Outcome:
        self.heard.append(message)
        self.meanwhile()
        return self.outcome

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Named(Receivers):
    """Their names take their time: all that one process may send to at once are looked up together."""

    lookups: Barrier = field(default_factory=lambda: Barrier(MOST))

    async def send(self, message: Message) -> Outcome:
        await asyncio.gather(*(asyncio.to_thread(self.lookups.wait, 10) for _ in range(MOST)))
        return await super().send(message)


@pytest.fixture
def receivers() -> Receivers:
    """All of them."""
    return Receivers()


@pytest.fixture
def sender(ledger, receivers) -> Sender:
    """In the role that the scheduler has."""
    return Sender(ledger.dispatch, receivers, seconds=5, patience_days=5)


@pytest.fixture
def hook(ledger, tenant) -> Callable[..., UUID]:
    """Write a webhook."""

    def write(of: UUID | None = None, **more: Any) -> UUID:
        own = {"id": new_id(), "tenant_id": of or tenant.id, "name": str(new_id()), "url": "https://example.org/in"}
        values = own | {"events": ENDS, "secret": SECRET} | more
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        ledger.ask(f"INSERT INTO wharf.webhooks ({names}) VALUES ({marks})", *values.values())
        return own["id"]

    return write


@pytest.fixture
def deliveries(ledger) -> Callable[[UUID], list[dict[str, Any]]]:
    """What is written for a webhook, first to last."""
    query = "SELECT * FROM wharf.webhook_deliveries WHERE webhook_id = %s ORDER BY id"
    return lambda webhook: ledger.ask(query, webhook)


@pytest.fixture
def due(ledger) -> Callable[[], None]:
    """Let the time of everything have come."""
    return lambda: ledger.ask("UPDATE wharf.webhook_deliveries SET next_at = now() WHERE next_at IS NOT NULL")


def running(ledger, tenant) -> UUID:
    job = tenant.submit()
    assert ledger.claim(job)
    return job


def completed(ledger, tenant, dispatcher):
    job = running(ledger, tenant)
    ledger.finish(job, Event.COMPLETE, result={"rows_read": 3})
    return job


def failed(ledger, tenant, dispatcher):
    job = running(ledger, tenant)
    ledger.finish(job, Event.FAIL, error=Permanent("no"))
    return job


def cancelled_before_it_ran(ledger, tenant, dispatcher):
    job = tenant.submit()
    tenant.cancel(job)
    return job


def cancelled_while_it_ran(ledger, tenant, dispatcher):
    job = running(ledger, tenant)
    tenant.cancel(job)
    ledger.finish(job, Event.STOP)
    return job


def cancelled_with_others(ledger, tenant, dispatcher):
    job = tenant.submit()
    with ledger.app.tenant(tenant.id) as connection:
        for one in steps(Action.CANCEL):
            connection.execute(
                Job.__table__.update().where(Job.id == job, Job.status.in_(one.states)).values(one.changes)
            )
    return job


def dead_while_it_was_cancelled(ledger, tenant, dispatcher):
    job = running(ledger, tenant)
    tenant.cancel(job)
    ledger.expire(job)
    dispatcher.tick()
    return job


def dead_for_the_third_time(ledger, tenant, dispatcher):
    job = running(ledger, tenant)
    for attempt in (1, 2, 3):
        assert attempt == 1 or ledger.claim(job, attempt)
        ledger.expire(job, "died", attempt)
        dispatcher.tick()
    return job


@pytest.mark.parametrize(
    ("end", "event"),
    [
        (completed, "job.completed"),
        (failed, "job.failed"),
        (dead_for_the_third_time, "job.failed"),
        (cancelled_before_it_ran, "job.cancelled"),
        (cancelled_while_it_ran, "job.cancelled"),
        (cancelled_with_others, "job.cancelled"),
        (dead_while_it_was_cancelled, "job.cancelled"),
    ],
)
def test_however_a_job_ends_it_is_told_once(ledger, tenant, dispatcher, hook, deliveries, end, event):
    """By a worker, by the reaper, by a person, by many at once: in the transaction that ends it."""
    webhook = hook()
    job = end(ledger, tenant, dispatcher)
    (told,) = deliveries(webhook)
    assert (told["type"], told["job_id"], told["status"], told["attempt"]) == (event, job, "waiting", 0)
    assert (told["body"]["type"], told["body"]["data"]["job_id"]) == (event, str(job))
    assert told["id"].version == 7


def test_an_end_that_is_taken_back_is_not_told(ledger, tenant, hook, deliveries):
    """Outbox: the message is part of the job's transaction."""
    webhook, job = hook(), tenant.submit()
    with ledger.app.tenant(tenant.id) as connection:
        cancel(connection, job)
        connection.rollback()
    assert deliveries(webhook) == []


def test_each_end_of_a_job_that_is_retried_is_told(ledger, tenant, dispatcher, hook, deliveries):
    """They are two events, with ids of their own."""
    webhook = hook()
    job = failed(ledger, tenant, dispatcher)
    tenant.retry(job)
    assert ledger.claim(job, 2)
    ledger.finish(job, Event.COMPLETE, attempt=2)
    assert [one["type"] for one in deliveries(webhook)] == ["job.failed", "job.completed"]


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({}, 1),
        ({"events": ["job.failed"]}, 0),
        ({"project_id": "default"}, 1),
        ({"project_id": "other"}, 0),
        ({"kinds": ["import", "echo"]}, 1),
        ({"kinds": ["import"]}, 0),
        ({"enabled": False, "disabled_reason": "asked"}, 0),
    ],
)
def test_a_webhook_is_told_what_it_names(ledger, tenant, dispatcher, hook, deliveries, wish, told):
    """Events, a project, kinds of job; nothing while it is disabled."""
    webhook = hook(**wish)
    completed(ledger, tenant, dispatcher)
    assert len(deliveries(webhook)) == told


def test_nobody_is_told_of_the_parts_of_a_job(ledger, tenant, dispatcher, hook, deliveries):
    """How a file is read is nobody's business: they hear of the one job that they know."""
    webhook, whole, part = hook(), running(ledger, tenant), running(ledger, tenant)
    ledger.ask("UPDATE wharf.jobs SET parent_id = %s, part = 1 WHERE id = %s", whole, part)
    for job in (part, whole):
        ledger.finish(job, Event.COMPLETE)
    assert [one["job_id"] for one in deliveries(webhook)] == [whole]


def test_nobody_is_told_of_another_tenant_s_jobs(ledger, tenant, make_tenant, dispatcher, hook, deliveries):
    """Whatever the webhook names."""
    other = hook(make_tenant().id)
    completed(ledger, tenant, dispatcher)
    assert deliveries(other) == []


def test_no_text_of_people_or_files_leaves_by_itself(ledger, tenant, hook, deliveries):
    """The job as the API shows it, less label, messages, details, samples: those are fetched with a key."""
    webhook, job = hook(), running(ledger, tenant)
    ledger.ask("UPDATE wharf.jobs SET label = 'Lovelace' WHERE id = %s", job)
    result = {
        "profile": "transactions", "rows_read": 3, "dry_run": False, "sample": [["Lovelace"]], "message": "Lovelace",
        "period": {"from": None, "to": None},
    }  # fmt: skip
    error = Permanent("Lovelace", detail={"cell": "Lovelace"})
    ledger.finish(job, Event.FAIL, result=result, error=error)
    (told,) = deliveries(webhook)
    assert "Lovelace" not in json.dumps(told["body"])
    data = told["body"]["data"]
    assert data["error"] == {"code": "permanent", "retryable": False}
    assert data["result"] == {name: result[name] for name in ("profile", "rows_read", "dry_run", "period")}
    assert (data["priority"], data["links"]) == ("normal", {"self": f"/api/v1/jobs/{job}"})
    assert told["body"]["timestamp"] == data["finished_at"]
    assert data["finished_at"].endswith("Z")


def test_removing_a_webhook_holds_up_no_end(ledger, tenant, dispatcher, hook, deliveries):
    """However many deliveries it has. Once it is removed nothing is written for it, and nothing secret kept."""
    webhook = hook(previous_secret=SECRET)
    with ledger.app.tenant(tenant.id) as connection:
        connection.execute(text("SELECT wharf.remove_webhook(:id)"), {"id": webhook})
        completed(ledger, tenant, dispatcher)
    completed(ledger, tenant, dispatcher)
    assert len(deliveries(webhook)) == 1
    kept = ledger.ask("SELECT enabled, secret, previous_secret FROM wharf.webhooks WHERE id = %s", webhook)
    assert kept == [{"enabled": False, "secret": "", "previous_secret": None}]


def test_nobody_removes_another_tenant_s_webhook(ledger, tenant, make_tenant, hook):
    """The function has the owner's rights, and asks whose transaction it is."""
    theirs = hook(make_tenant().id)
    with ledger.app.tenant(tenant.id) as connection:
        assert connection.execute(text("SELECT wharf.remove_webhook(:id)"), {"id": theirs}).scalar() is None
    assert ledger.ask("SELECT 1 AS n FROM wharf.webhooks WHERE removed_at IS NULL") == [{"n": 1}]


async def test_what_is_due_is_sent_and_not_again(
    ledger, tenant, dispatcher, hook, deliveries, sender, receivers, counted
):
    """With the webhook's address and secret, under the delivery's id."""
    before = counted("wharf_webhook_deliveries_total", outcome="delivered")
    webhook = hook()
    completed(ledger, tenant, dispatcher)
    assert (await sender.send_due(), await sender.send_due()) == (1, 0)
    (sent,), (told,) = receivers.heard, deliveries(webhook)
    assert (sent.id, sent.url, sent.secrets, sent.body) == (
        told["id"],
        "https://example.org/in",
        [SECRET],
        told["body"],
    )
    assert (told["status"], told["next_at"], told["attempt"]) == ("delivered", None, 1)
    assert [(one["code"], one["status"]) for one in told["tries"]] == [(None, 200)]
    assert counted("wharf_webhook_deliveries_total", outcome="delivered") == before + 1


def test_names_that_hang_keep_nobody_waiting(ledger, tenant, dispatcher, hook, deliveries, sender, monkeypatch):
    """There is a thread for each that may be looked up, however many processors there are."""
    webhook, end = hook(), sender._end
    completed(ledger, tenant, dispatcher)
    sender.receivers = Named()
    monkeypatch.setattr(sender, "_end", lambda *outcome: (end(*outcome), sender.stop())[0])
    asyncio.run(sender._run())
    assert [one["status"] for one in deliveries(webhook)] == ["delivered"]


async def test_the_secret_before_signs_too_for_a_time(ledger, tenant, dispatcher, hook, sender, receivers):
    """So that a receiver can change its own when it likes; afterwards it is worth nothing."""
    webhook = hook(previous_secret="whsec_b2xk")
    for until in ("1 hour", "-1 hour"):
        query = "UPDATE wharf.webhooks SET previous_until = now() + %s::interval WHERE id = %s"
        ledger.ask(query, until, webhook)
        completed(ledger, tenant, dispatcher)
        await sender.send_due()
    assert [list(one.secrets) for one in receivers.heard] == [[SECRET, "whsec_b2xk"], [SECRET]]


async def test_a_failed_message_comes_again_later_and_later(
    ledger, tenant, dispatcher, hook, deliveries, sender, receivers, due
):
    """Under the same id, ten times within three days; then it is given up, and all of it is in the log."""
    webhook = hook()
    completed(ledger, tenant, dispatcher)
    receivers.outcome = Outcome("answered_with_error", 500)
    waits = []
    for _ in range(TRIES):
        due()
        assert await sender.send_due() == 1
        query = "SELECT extract(epoch FROM next_at - now())::float AS wait FROM wharf.webhook_deliveries"
        waits += [row["wait"] for row in ledger.ask(query)]
    assert waits[:-1] == pytest.approx(DELAYS, rel=0.2, abs=2)
    (told,) = deliveries(webhook)
    assert (told["status"], told["next_at"], waits[-1]) == ("failed", None, None)
    assert [one["code"] for one in told["tries"]] == ["answered_with_error"] * TRIES
    assert {one.id for one in receivers.heard} == {told["id"]}


async def test_a_receiver_that_asks_for_time_has_it(ledger, tenant, dispatcher, hook, sender, receivers):
    """`Retry-After` is longer than the first wait would be."""
    hook()
    completed(ledger, tenant, dispatcher)
    receivers.outcome = Outcome("answered_with_error", 429, wait=3600)
    await sender.send_due()
    (row,) = ledger.ask("SELECT next_at > now() + interval '50 minutes' AS later FROM wharf.webhook_deliveries")
    assert row["later"]


@pytest.mark.parametrize(
    ("status", "since", "reason"), [(410, "1 minute", "gone"), (500, "6 days", "failing"), (500, "4 days", None)]
)
async def test_who_is_gone_or_fails_for_days_is_told_no_more(
    ledger, tenant, dispatcher, hook, deliveries, sender, receivers, status, since, reason
):
    """It is disabled with the reason; what still waits for it is given up, to be replayed when somebody wants it."""
    webhook = hook()
    query = "UPDATE wharf.webhooks SET failing_since = now() - %s::interval WHERE id = %s"
    ledger.ask(query, since, webhook)
    for _ in range(3):
        completed(ledger, tenant, dispatcher)
    ledger.ask("UPDATE wharf.webhook_deliveries SET failures = 1")
    receivers.outcome = Outcome("answered_with_error", status)
    await sender.send_due()
    (row,) = ledger.ask("SELECT enabled, disabled_reason FROM wharf.webhooks WHERE id = %s", webhook)
    assert (row["enabled"], row["disabled_reason"]) == (reason is None, reason)
    assert {one["status"] for one in deliveries(webhook)} == {"failed" if reason else "waiting"}


async def test_one_lost_try_after_a_quiet_time_disables_nobody(
    ledger, tenant, dispatcher, hook, deliveries, sender, receivers, due
):
    """Days without a message are no days of failing: one that fails again is needed."""
    webhook = hook()
    ledger.ask("UPDATE wharf.webhooks SET failing_since = now() - interval '6 days' WHERE id = %s", webhook)
    completed(ledger, tenant, dispatcher)
    receivers.outcome = Outcome("answered_with_error", 500)
    became = []
    for _ in range(2):
        due()
        await sender.send_due()
        became += ledger.ask("SELECT disabled_reason FROM wharf.webhooks WHERE id = %s", webhook)
    assert [row["disabled_reason"] for row in became] == [None, "failing"]


async def test_a_success_ends_the_time_of_failing(ledger, tenant, dispatcher, hook, sender):
    """Only an unbroken row of failures disables."""
    webhook = hook()
    ledger.ask("UPDATE wharf.webhooks SET failing_since = now() - interval '4 days' WHERE id = %s", webhook)
    completed(ledger, tenant, dispatcher)
    await sender.send_due()
    (row,) = ledger.ask("SELECT failing_since FROM wharf.webhooks WHERE id = %s", webhook)
    assert row["failing_since"] is None


async def test_a_dead_sender_s_message_is_sent_by_another(
    ledger, tenant, dispatcher, hook, deliveries, sender, receivers, due
):
    """Under the same id; if the dead one lives after all, what it writes comes too late."""
    webhook = hook()
    completed(ledger, tenant, dispatcher)
    (late,) = sender._take(10)
    assert sender._take(10) == []
    due()
    await sender.send_due()
    assert [one.id for one in receivers.heard] == [late.id]
    assert sender._end(late, Outcome("timed_out"), {}) is None
    assert [one["status"] for one in deliveries(webhook)] == ["delivered"]


async def test_no_transaction_is_open_while_a_receiver_is_spoken_to(
    ledger, tenant, dispatcher, hook, sender, receivers
):
    """Whoever is slow holds no lock and no snapshot."""
    hook()
    completed(ledger, tenant, dispatcher)
    seen: list[dict[str, Any]] = []
    query = "SELECT state FROM pg_stat_activity WHERE usename = 'wharf_dispatch' AND state <> 'idle'"
    receivers.meanwhile = lambda: seen.extend([*ledger.ask(query), {"asked": True}])
    await sender.send_due()
    assert seen == [{"asked": True}]


async def test_a_backlog_holds_up_nobody_else(ledger, tenant, make_tenant, dispatcher, hook, sender, receivers):
    """Two messages of a receiver at a time, eight of a tenant, and another tenant's first is among the first."""
    hooks = [hook() for _ in range(6)]
    for _ in range(3):
        completed(ledger, tenant, dispatcher)
    other = make_tenant()
    theirs = hook(other.id)
    completed(ledger, other, dispatcher)
    taken = {one.id for one in sender._take(3)}
    rows = ledger.ask("SELECT id, webhook_id FROM wharf.webhook_deliveries")
    assert theirs in {row["webhook_id"] for row in rows if row["id"] in taken}
    taken |= {one.id for one in sender._take(32)}
    assert len(taken) == 9
    of_each = [sum(row["webhook_id"] == one and row["id"] in taken for row in rows) for one in hooks]
    assert max(of_each) <= 2
    assert sender._take(32) == []


def test_two_senders_together_take_no_more_than_one_may(ledger, tenant, dispatcher, hook, sender):
    """While one takes the other takes nothing: it would not count what is being taken."""
    hook()
    for _ in range(3):
        completed(ledger, tenant, dispatcher)
    with ledger.dispatch.anyone() as connection:
        assert len(connection.execute(text("SELECT * FROM wharf.take_deliveries(32, 60)")).all()) == 2
        assert sender._take(32) == []
    assert sender._take(32) == []


def test_a_sender_of_the_version_before_forgets_what_ended_long_ago(ledger, tenant, dispatcher, hook, deliveries):
    """After thirty days; what still waits never is."""
    webhook = hook()
    for _ in range(2):
        completed(ledger, tenant, dispatcher)
    old = "SET status = 'delivered', next_at = NULL, ended_at = now() - interval '31 days'"
    first = deliveries(webhook)[0]["id"]
    ledger.ask(f"UPDATE wharf.webhook_deliveries {old} WHERE id = %s", first)
    with ledger.dispatch.anyone() as connection:
        gone = connection.execute(text("SELECT wharf.forget_deliveries(interval '30 days', 10)")).scalar_one()
    assert (gone, [one["status"] for one in deliveries(webhook)]) == (1, ["waiting"])


def test_what_was_under_way_to_a_webhook_that_was_disabled_is_given_up(
    ledger, tenant, dispatcher, hook, deliveries, sender, due
):
    """Where its sender has died too: nobody would ever take it again."""
    webhook = hook()
    completed(ledger, tenant, dispatcher)
    sender._take(1)
    ledger.ask("UPDATE wharf.webhooks SET enabled = false, disabled_reason = 'asked' WHERE id = %s", webhook)
    due()
    assert sender._take(1) == []
    sender._gave_up = float("-inf")
    sender._give_up()
    assert [one["status"] for one in deliveries(webhook)] == ["failed"]


async def test_a_giving_up_that_fails_stops_no_message(
    ledger, tenant, dispatcher, hook, deliveries, sender, receivers, monkeypatch
):
    """What is due is taken before, and sent all the same; it is tried again a minute later, not at each look."""
    webhook = hook()
    completed(ledger, tenant, dispatcher)
    monkeypatch.setattr("wharf.scheduler.webhooks.sender.GIVE_UP", text("SELECT wharf.give_up_nothing(:most)"))
    sender._gave_up = float("-inf")
    begun, _ = await sender._try_to_begin(32)
    await asyncio.gather(*begun)
    assert ([one["status"] for one in deliveries(webhook)], len(receivers.heard)) == (["delivered"], 1)
    await sender._in_ledger(sender._give_up)


def test_so_much_is_given_up_at_once_and_the_rest_soon_after(
    ledger, tenant, dispatcher, hook, deliveries, sender, monkeypatch
):
    """A backlog is no long transaction; what is to be tried again in hours is given up too."""
    monkeypatch.setattr("wharf.scheduler.webhooks.sender.GIVE_UP_AT_ONCE", 2)
    webhook = hook()
    for _ in range(3):
        completed(ledger, tenant, dispatcher)
    ledger.ask("UPDATE wharf.webhook_deliveries SET next_at = now() + interval '9 hours'")
    ledger.ask("UPDATE wharf.webhooks SET enabled = false, disabled_reason = 'asked'")
    sender._gave_up = float("-inf")
    sender._give_up()
    assert sorted(one["status"] for one in deliveries(webhook)) == ["failed", "failed", "waiting"]
    sender._give_up()
    assert {one["status"] for one in deliveries(webhook)} == {"failed"}


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("dispatch", "SELECT id FROM wharf.webhooks"),
        ("dispatch", "SELECT id FROM wharf.webhook_deliveries"),
        ("app", "SELECT secret FROM wharf.webhooks"),
        ("app", "SELECT previous_secret FROM wharf.webhooks"),
        ("app", "UPDATE wharf.webhooks SET name = secret"),
        ("app", "SELECT * FROM wharf.take_deliveries(1, 1)"),
    ],
)
def test_secrets_are_read_by_the_sender_s_function_alone(ledger, role, statement):
    """A mistake in the gateway, or in any query of the dispatcher, shows none."""
    database = {"app": ledger.app, "dispatch": ledger.dispatch}[role]
    with pytest.raises(ProgrammingError, match="permission denied"), database.anyone() as connection:
        connection.execute(text(statement))


def test_priorities_are_told_by_name(ledger, tenant, hook, deliveries):
    """Each as the API has it."""
    webhook = hook()
    for priority in Priority:
        tenant.cancel(tenant.submit(priority))
    assert [one["body"]["data"]["priority"] for one in deliveries(webhook)] == [one.value for one in Priority]
