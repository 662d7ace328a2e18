"""Which ends of jobs are told to whom, and what of them; written by whatever ends the job, in its transaction."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from wharf.common.errors import Permanent
from wharf.common.jobs.bulk import Action, steps
from wharf.common.jobs.control import cancel
from wharf.common.jobs.states import Event
from wharf.common.ledger.models import Job
from wharf.common.queues import Priority


def completed(ledger, tenant, dispatcher):
    return tenant.completed()


def failed(ledger, tenant, dispatcher):
    job = tenant.running()
    ledger.finish(job, Event.FAIL, error=Permanent("no"))
    return job


def cancelled_before_it_ran(ledger, tenant, dispatcher):
    job = tenant.submit()
    tenant.cancel(job)
    return job


def cancelled_while_it_ran(ledger, tenant, dispatcher):
    job = tenant.running()
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
    job = tenant.running()
    tenant.cancel(job)
    ledger.expire(job)
    dispatcher.tick()
    return job


def dead_for_the_third_time(ledger, tenant, dispatcher):
    job = tenant.running()
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
def test_a_webhook_is_told_what_it_names(tenant, hook, deliveries, wish, told):
    """Events, a project, kinds of job; nothing while it is disabled."""
    webhook = hook(**wish)
    tenant.completed()
    assert len(deliveries(webhook)) == told


def test_nobody_is_told_of_the_parts_of_a_job(ledger, tenant, hook, deliveries):
    """How a file is read is nobody's business: they hear of the one job that they know."""
    webhook, whole, part = hook(), tenant.running(), tenant.running()
    ledger.ask("UPDATE wharf.jobs SET parent_id = %s, part = 1 WHERE id = %s", whole, part)
    for job in (part, whole):
        ledger.finish(job, Event.COMPLETE)
    assert [one["job_id"] for one in deliveries(webhook)] == [whole]


def test_nobody_is_told_of_another_tenant_s_jobs(tenant, make_tenant, hook, deliveries):
    """Whatever the webhook names."""
    other = hook(make_tenant().id)
    tenant.completed()
    assert deliveries(other) == []


def test_no_text_of_people_or_files_leaves_by_itself(ledger, tenant, hook, deliveries):
    """The job as the API shows it, less label, messages, details, samples: those are fetched with a key."""
    webhook, job = hook(), tenant.running()
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


def test_removing_a_webhook_holds_up_no_end(ledger, tenant, hook, deliveries):
    """However many deliveries it has. Once it is removed nothing is written for it, and nothing secret kept."""
    webhook = hook(previous_secret="whsec_b2xk")
    with ledger.app.tenant(tenant.id) as connection:
        connection.execute(text("SELECT wharf.remove_webhook(:id)"), {"id": webhook})
        tenant.completed()
    tenant.completed()
    assert len(deliveries(webhook)) == 1
    kept = ledger.ask("SELECT enabled, secret, previous_secret FROM wharf.webhooks WHERE id = %s", webhook)
    assert kept == [{"enabled": False, "secret": "", "previous_secret": None}]


def test_nobody_removes_another_tenant_s_webhook(ledger, tenant, make_tenant, hook):
    """The function has the owner's rights, and asks whose transaction it is."""
    theirs = hook(make_tenant().id)
    with ledger.app.tenant(tenant.id) as connection:
        assert connection.execute(text("SELECT wharf.remove_webhook(:id)"), {"id": theirs}).scalar() is None
    assert ledger.ask("SELECT 1 AS n FROM wharf.webhooks WHERE removed_at IS NULL") == [{"n": 1}]


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


def test_priorities_are_told_by_name(tenant, hook, deliveries):
    """Each as the API has it."""
    webhook = hook()
    for priority in Priority:
        tenant.cancel(tenant.submit(priority))
    assert [one["body"]["data"]["priority"] for one in deliveries(webhook)] == [one.value for one in Priority]
