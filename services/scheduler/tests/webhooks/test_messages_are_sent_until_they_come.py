"""When messages are sent, again and again until they come, and what comes of those that do not."""

from __future__ import annotations

import asyncio
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from wharf.scheduler.webhooks.receiver import Outcome
from wharf.scheduler.webhooks.sender import DELAYS, MOST

TRIES = len(DELAYS) + 1
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
"""That of the fixture `hook`."""


async def test_what_is_due_is_sent_and_not_again(tenant, hook, deliveries, sender, receivers, counted):
    """With the webhook's address and secret, under the delivery's id."""
    before = counted("wharf_webhook_deliveries_total", outcome="delivered")
    webhook = hook()
    tenant.completed()
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


def test_names_that_hang_keep_nobody_waiting(tenant, hook, deliveries, sender, receivers, monkeypatch):
    """There is a thread for each that may be looked up, however many processors there are."""
    webhook, end, lookups, send = hook(), sender._end, Barrier(MOST), receivers.send

    async def send_late(message):
        # All that one process may send to at once are looked up together.
        await asyncio.gather(*(asyncio.to_thread(lookups.wait, 10) for _ in range(MOST)))
        return await send(message)

    tenant.completed()
    monkeypatch.setattr(receivers, "send", send_late)
    monkeypatch.setattr(sender, "_end", lambda *outcome: (end(*outcome), sender.stop())[0])
    asyncio.run(sender._run())
    assert [one["status"] for one in deliveries(webhook)] == ["delivered"]


async def test_the_secret_before_signs_too_for_a_time(ledger, tenant, hook, sender, receivers):
    """So that a receiver can change its own when it likes; afterwards it is worth nothing."""
    webhook = hook(previous_secret="whsec_b2xk")
    for until in ("1 hour", "-1 hour"):
        query = "UPDATE wharf.webhooks SET previous_until = now() + %s::interval WHERE id = %s"
        ledger.ask(query, until, webhook)
        tenant.completed()
        await sender.send_due()
    assert [list(one.secrets) for one in receivers.heard] == [[SECRET, "whsec_b2xk"], [SECRET]]


async def test_a_failed_message_comes_again_later_and_later(ledger, tenant, hook, deliveries, sender, receivers, due):
    """Under the same id, ten times within three days; then it is given up, and all of it is in the log."""
    webhook = hook()
    tenant.completed()
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


async def test_a_receiver_that_asks_for_time_has_it(ledger, tenant, hook, sender, receivers):
    """`Retry-After` is longer than the first wait would be."""
    hook()
    tenant.completed()
    receivers.outcome = Outcome("answered_with_error", 429, wait=3600)
    await sender.send_due()
    (row,) = ledger.ask("SELECT next_at > now() + interval '50 minutes' AS later FROM wharf.webhook_deliveries")
    assert row["later"]


@pytest.mark.parametrize(
    ("status", "since", "reason"), [(410, "1 minute", "gone"), (500, "6 days", "failing"), (500, "4 days", None)]
)
async def test_who_is_gone_or_fails_for_days_is_told_no_more(
    ledger, tenant, hook, deliveries, sender, receivers, status, since, reason
):
    """It is disabled with the reason; what still waits for it is given up, to be replayed when somebody wants it."""
    webhook = hook()
    query = "UPDATE wharf.webhooks SET failing_since = now() - %s::interval WHERE id = %s"
    ledger.ask(query, since, webhook)
    for _ in range(3):
        tenant.completed()
    ledger.ask("UPDATE wharf.webhook_deliveries SET failures = 1")
    receivers.outcome = Outcome("answered_with_error", status)
    await sender.send_due()
    (row,) = ledger.ask("SELECT enabled, disabled_reason FROM wharf.webhooks WHERE id = %s", webhook)
    assert (row["enabled"], row["disabled_reason"]) == (reason is None, reason)
    assert {one["status"] for one in deliveries(webhook)} == {"failed" if reason else "waiting"}


async def test_one_lost_try_after_a_quiet_time_disables_nobody(
    ledger, tenant, hook, deliveries, sender, receivers, due
):
    """Days without a message are no days of failing: one that fails again is needed."""
    webhook = hook()
    ledger.ask("UPDATE wharf.webhooks SET failing_since = now() - interval '6 days' WHERE id = %s", webhook)
    tenant.completed()
    receivers.outcome = Outcome("answered_with_error", 500)
    became = []
    for _ in range(2):
        due()
        await sender.send_due()
        became += ledger.ask("SELECT disabled_reason FROM wharf.webhooks WHERE id = %s", webhook)
    assert [row["disabled_reason"] for row in became] == [None, "failing"]


async def test_a_success_ends_the_time_of_failing(ledger, tenant, hook, sender):
    """Only an unbroken row of failures disables."""
    webhook = hook()
    ledger.ask("UPDATE wharf.webhooks SET failing_since = now() - interval '4 days' WHERE id = %s", webhook)
    tenant.completed()
    await sender.send_due()
    (row,) = ledger.ask("SELECT failing_since FROM wharf.webhooks WHERE id = %s", webhook)
    assert row["failing_since"] is None


async def test_a_dead_sender_s_message_is_sent_by_another(tenant, hook, deliveries, sender, receivers, due):
    """Under the same id; if the dead one lives after all, what it writes comes too late."""
    webhook = hook()
    tenant.completed()
    (late,) = sender._take(10)
    assert sender._take(10) == []
    due()
    await sender.send_due()
    assert [one.id for one in receivers.heard] == [late.id]
    assert sender._end(late, Outcome("timed_out"), {}) is None
    assert [one["status"] for one in deliveries(webhook)] == ["delivered"]


async def test_no_transaction_is_open_while_a_receiver_is_spoken_to(ledger, tenant, hook, sender, receivers):
    """Whoever is slow holds no lock and no snapshot."""
    hook()
    tenant.completed()
    seen: list[dict[str, Any]] = []
    query = "SELECT state FROM pg_stat_activity WHERE usename = 'wharf_dispatch' AND state <> 'idle'"
    receivers.meanwhile = lambda: seen.extend([*ledger.ask(query), {"asked": True}])
    await sender.send_due()
    assert seen == [{"asked": True}]


async def test_a_backlog_holds_up_nobody_else(ledger, tenant, make_tenant, hook, sender, receivers):
    """Two messages of a receiver at a time, eight of a tenant, and another tenant's first is among the first."""
    hooks = [hook() for _ in range(6)]
    for _ in range(3):
        tenant.completed()
    other = make_tenant()
    theirs = hook(other.id)
    other.completed()
    taken = {one.id for one in sender._take(3)}
    rows = ledger.ask("SELECT id, webhook_id FROM wharf.webhook_deliveries")
    assert theirs in {row["webhook_id"] for row in rows if row["id"] in taken}
    taken |= {one.id for one in sender._take(32)}
    assert len(taken) == 9
    of_each = [sum(row["webhook_id"] == one and row["id"] in taken for row in rows) for one in hooks]
    assert max(of_each) <= 2
    assert sender._take(32) == []


def test_two_senders_together_take_no_more_than_one_may(ledger, tenant, hook, sender):
    """While one takes the other takes nothing: it would not count what is being taken."""
    hook()
    for _ in range(3):
        tenant.completed()
    with ledger.dispatch.anyone() as connection:
        assert len(connection.execute(text("SELECT * FROM wharf.take_deliveries(32, 60)")).all()) == 2
        assert sender._take(32) == []
    assert sender._take(32) == []


def test_a_sender_of_the_version_before_forgets_what_ended_long_ago(ledger, tenant, hook, deliveries):
    """After thirty days; what still waits never is."""
    webhook = hook()
    for _ in range(2):
        tenant.completed()
    old = "SET status = 'delivered', next_at = NULL, ended_at = now() - interval '31 days'"
    first = deliveries(webhook)[0]["id"]
    ledger.ask(f"UPDATE wharf.webhook_deliveries {old} WHERE id = %s", first)
    with ledger.dispatch.anyone() as connection:
        gone = connection.execute(text("SELECT wharf.forget_deliveries(interval '30 days', 10)")).scalar_one()
    assert (gone, [one["status"] for one in deliveries(webhook)]) == (1, ["waiting"])


def test_what_was_under_way_to_a_webhook_that_was_disabled_is_given_up(ledger, tenant, hook, deliveries, sender, due):
    """Where its sender has died too: nobody would ever take it again."""
    webhook = hook()
    tenant.completed()
    sender._take(1)
    ledger.ask("UPDATE wharf.webhooks SET enabled = false, disabled_reason = 'asked' WHERE id = %s", webhook)
    due()
    assert sender._take(1) == []
    sender._gave_up = float("-inf")
    sender._give_up()
    assert [one["status"] for one in deliveries(webhook)] == ["failed"]


async def test_a_giving_up_that_fails_stops_no_message(tenant, hook, deliveries, sender, receivers, monkeypatch):
    """What is due is taken before, and sent all the same; it is tried again a minute later, not at each look."""
    webhook = hook()
    tenant.completed()
    monkeypatch.setattr("wharf.scheduler.webhooks.sender.GIVE_UP", text("SELECT wharf.give_up_nothing(:most)"))
    sender._gave_up = float("-inf")
    begun, _ = await sender._try_to_begin(32)
    await asyncio.gather(*begun)
    assert ([one["status"] for one in deliveries(webhook)], len(receivers.heard)) == (["delivered"], 1)
    await sender._in_ledger(sender._give_up)


def test_so_much_is_given_up_at_once_and_the_rest_soon_after(ledger, tenant, hook, deliveries, sender, monkeypatch):
    """A backlog is no long transaction; what is to be tried again in hours is given up too."""
    monkeypatch.setattr("wharf.scheduler.webhooks.sender.GIVE_UP_AT_ONCE", 2)
    webhook = hook()
    for _ in range(3):
        tenant.completed()
    ledger.ask("UPDATE wharf.webhook_deliveries SET next_at = now() + interval '9 hours'")
    ledger.ask("UPDATE wharf.webhooks SET enabled = false, disabled_reason = 'asked'")
    sender._gave_up = float("-inf")
    sender._give_up()
    assert sorted(one["status"] for one in deliveries(webhook)) == ["failed", "failed", "waiting"]
    sender._give_up()
    assert {one["status"] for one in deliveries(webhook)} == {"failed"}
